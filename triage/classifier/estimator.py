"""TextModel: what is trained and stored. Classifier: what the daemon calls.

Two ridge regressions tell the labels, each from what it sees of a text: a linear one from its terms (`features.HashedTfidf`), and one
from how like its sentence vector is to those of some texts that were learnt from (`landmarks`). Each is fitted alone; their sum, divided
by one number (`temperature`), makes the logits. Measured with 25,895 messages of the corpus to learn from:

                                                    one linear SVM   one linear model   terms and        one model of terms and
                                                    of terms and     of each            4,500 land-      of likeness to all
                                                    vectors                             marks            texts (exact)
    writers not learnt from, 4,206: accuracy        .862             .870               .888             .891
      negative log-likelihood                       .423             .406               .354             .355
    six other English sources: accuracy, macro-F1   .964, .941       .965, .944         .968, .946       .969, .947
      calibration error                             .053                                .03              .041
    629 public posts and reviews                    .712             .715               .725             .739
    19 intents of a bank, five parts                .949                                .957

Fitted alone, neither leans on what the other happens to explain of the texts that were learnt from, and the model is as sure of itself as
it may be where it is new. Either regularisation twice or half as strong changes the second line by .006 at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from triage.classifier.encoder import one_thread
from triage.classifier.features import Floats, Numbers, Seen, Views
from triage.classifier.landmarks import LandmarkRidge, Landmarks, Moments, moments
from triage.classifier.masking import masked, names_pattern
from triage.classifier.novelty import Typical, in_language, languages, prose, scripts, written_in
from triage.message import Prediction

Probabilities = npt.NDArray[np.float64]  # shape (n_texts, n_labels), rows sum to 1

# Labels that are a reason to abstain and never a category: nobody's folder is called "other".
ABSTAIN_LABELS = ("other",)

# The label beside which `about` is told.
COMPLAINT = "complaint"


class TextModel(BaseEstimator):  # type: ignore[misc]
    """Probabilities of labels, and what a complaint is about.

    Args:
        alpha: strength of the regularisation of the terms.
        seed: of whatever is random in training; one seed, one model.
        own_names: names of the shop, masked wherever they stand.
    """

    def __init__(self, alpha: float = 1.0, seed: int = 0, own_names: tuple[str, ...] = ()) -> None:
        self.alpha = alpha
        self.seed = seed
        self.own_names = own_names

    def fit_views(
        self, texts: Sequence[str], labels: Sequence[str], abouts: Sequence[str], private_from: int | None = None
    ) -> Seen:
        """Learn how *texts* are read (terms and their weights, axes of the vectors, landmarks, scripts and languages) and what may be
        said of them, and read them. Texts from *private_from* on become no landmarks.
        """
        self.labels_: list[str] = sorted(set(labels))
        self.about_labels_: list[str] = sorted({about for about in abouts if about})
        self.views_ = Views()
        seen = self.views_.fit(self.prepare(texts))
        self.landmarks_ = Landmarks(seed=self.seed).fit(seen.vectors[:private_from])
        self.scripts_: list[str] = scripts(texts)
        self.languages_: list[str] = languages(texts)
        return seen

    def moments(self, seen: Seen, labels: Sequence[str], rows: Numbers) -> Moments:
        """What `fit` needs to learn the labels of some of the texts that `fit_views` has read, by their numbers, from their vectors."""
        return moments(self.landmarks_, seen.vectors[rows], _targets([labels[i] for i in rows.tolist()], self.labels_))

    def fit(
        self,
        seen: Seen,
        labels: Sequence[str],
        abouts: Sequence[str],
        parts: Sequence[Moments],
        rows: Numbers | None = None,
    ) -> Self:
        """Learn from the texts that `fit_views` has read, or from some of them.

        Args:
            labels, abouts: of each text that `fit_views` has read; what it is about beside its label, "" where that is not known.
            parts: the moments of the texts that are learnt from, in as many parts as one likes.
            rows: the numbers of these texts; None for all.
        """
        chosen = range(len(labels)) if rows is None else rows.tolist()
        targets = _targets([labels[i] for i in chosen], self.labels_)
        self.head_ = Head(self.alpha).fit(seen.terms[chosen], targets, self.landmarks_, parts)
        self._fit_about(seen, abouts, [i for i in chosen if abouts[i]])
        self.temperature_ = 1.0
        self.typical_ = Typical().fit(seen.whole[chosen])
        return self

    def _fit_about(self, seen: Seen, abouts: Sequence[str], told: Sequence[int]) -> None:
        """Learn from the rows that say what they are about. (That every other message is about its own label teaches little more: of
        complaints of unseen writers .870 were told right with them, .869 without.)
        """
        self.about_head_: Head | None = None
        if len(self.about_labels_) > 1 and told:
            targets = _targets([abouts[i] for i in told], self.about_labels_)
            part = moments(self.landmarks_, seen.vectors[told], targets)
            self.about_head_ = Head(self.alpha).fit(seen.terms[told], targets, self.landmarks_, [part])

    def prepare(self, texts: Sequence[str]) -> list[str]:
        names = names_pattern(self.own_names)
        return [masked(text, names) for text in texts]

    def see(self, texts: Sequence[str]) -> Seen:
        """What the model sees of *texts*, as `fit_views` taught it to read."""
        return self.views_.see(self.prepare(texts))

    def scores(self, seen: Seen) -> tuple[Probabilities, list[str | None]]:
        """Logits of the labels, not yet calibrated, float64 of shape (n_texts, n_labels); and what each text is about if it is a
        complaint, None where the model was not taught that.
        """
        if self.about_head_ is None:
            (near,) = self.landmarks_.told(seen.vectors, [self.head_.vectors_])
            return self.head_.scores(seen.terms, near), [None] * len(near)
        near, about = self.landmarks_.told(seen.vectors, [self.head_.vectors_, self.about_head_.vectors_])
        abouts = self.about_head_.scores(seen.terms, about).argmax(axis=1)
        return self.head_.scores(seen.terms, near), [self.about_labels_[i] for i in abouts]

    def familiar(self, texts: Sequence[str], seen: Seen) -> npt.NDArray[np.bool_]:
        """Whether each text is of the kind that was learnt from; of any other the probabilities mean nothing."""
        readable = written_in(texts, self.scripts_) & in_language(texts, self.languages_)
        return np.asarray(prose(texts) & readable & self.typical_.contains(seen.whole))


class Head(BaseEstimator):  # type: ignore[misc]
    """Scores of labels: the sum of what terms and vectors say, each some -1 (is not) to 1 (is).

    Args:
        alpha: strength of the regularisation of the terms.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, terms: sp.csr_matrix, targets: Floats, landmarks: Landmarks, parts: Sequence[Moments]) -> Self:
        """Learn *targets*, float32 of shape (n_texts, n_labels); *parts* are the moments of the same texts and targets."""
        by_terms = Ridge(alpha=self.alpha, solver="sparse_cg", tol=1e-3).fit(terms, targets)
        # in the order of its transpose, by which terms are multiplied: else it is copied for each text
        self.terms_ = np.asfortranarray(by_terms.coef_, dtype=np.float32)
        self.intercept_ = np.asarray(by_terms.intercept_, dtype=np.float32)
        self.vectors_ = LandmarkRidge().fit(landmarks, parts)
        return self

    def scores(self, terms: sp.csr_matrix, near: Floats) -> Probabilities:
        """float64 of shape (n_texts, n_labels); *near* is what the landmarks told of the same texts."""
        return np.asarray(terms @ self.terms_.T + self.intercept_ + near, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A trained model with its name and its threshold. One caller at a time; `predict` blocks and belongs in a worker
    thread.
    """

    model: TextModel
    name: str  # "default@3f2a91c0", for the ledger
    threshold: float  # least probability, 0..1, at which a category is named
    abstain_labels: tuple[str, ...] = ABSTAIN_LABELS

    @property
    def categories(self) -> tuple[str, ...]:
        """What the model may name, in the order of its probabilities; never `other`."""
        return tuple(label for label in self.model.labels_ if label not in self.abstain_labels)

    def predict(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> list[Prediction]:
        """One prediction a text (`Message.own_words`), in order; any number of texts, none included."""
        found: list[Prediction] = []
        with one_thread():
            for start in range(0, len(texts), BATCH):
                found.extend(self._decide(texts[start : start + BATCH]))
                progress(len(found), len(texts))
        return found

    def _decide(self, texts: Sequence[str]) -> list[Prediction]:
        seen = self.model.see(texts)
        logits, abouts = self.model.scores(seen)
        probabilities = softmax(logits / self.model.temperature_)
        familiar = self.model.familiar(texts, seen)
        return [
            decide(
                dict(zip(self.model.labels_, map(float, row), strict=True)),
                self.categories,
                self.threshold,
                model=self.name,
                about=about,
                familiar=bool(known),
            )
            for row, about, known in zip(probabilities, abouts, familiar, strict=True)
        ]


# Texts at a time: keeps what a prediction needs under 20 MB, whatever a caller brings.
BATCH = 256


def decide(
    probabilities: dict[str, float],
    categories: Sequence[str],
    threshold: float,
    *,
    model: str = "",
    about: str | None = None,
    familiar: bool = True,
) -> Prediction:
    """Name the most probable of *categories* where it is sure enough and the text familiar, abstain elsewhere."""
    best = max(categories, key=probabilities.__getitem__)
    category = best if familiar and probabilities[best] >= threshold else None
    known = about if category == COMPLAINT and about in categories else None
    return Prediction(category, probabilities[best], probabilities, model, known, unfamiliar=not familiar)


def softmax(logits: Probabilities) -> Probabilities:
    """Rows of *logits* as probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _targets(labels: Sequence[str], known: Sequence[str]) -> Floats:
    """1 for the label of each text and -1 for the other *known* ones: float32 of shape (n_texts, n_labels)."""
    return np.where(np.asarray(labels)[:, None] == np.asarray(known), np.float32(1), np.float32(-1))
