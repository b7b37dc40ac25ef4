"""card.md: a manifest for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triage.classifier.manifest import Manifest

# A category whose F1 is under this, or a language whose accuracy is, stands under "where it fails".
WEAK = 0.80


def card(manifest: Manifest) -> str:
    """The model card as Markdown: what it is, what it learnt from, how good it is and where it fails."""
    return (
        "\n".join([*_head(manifest), *_data(manifest), *_scores(manifest), *_compared(manifest), *_weak(manifest)])
        + "\n"
    )


def _head(manifest: Manifest) -> list[str]:
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        f"Trained {manifest.created_at} with seed {manifest.seed}; "
        + ", ".join(f"{package} {version}" for package, version in manifest.libraries.items())
        + ".",
        "",
        f"Names {', '.join(manifest.categories[:12])}{' ...' if len(manifest.categories) > 12 else ''}"
        f" ({len(manifest.categories)} categories) from a probability of {manifest.threshold:.2f} on; below it, it abstains.",
        "It reads subject and own words of a message, with numbers, addresses, links and the shop's own name masked.",
        "It is made for sorting support mail. It is not made for judging people, and its probability says nothing about text of",
        "another kind than it has learnt from.",
        "",
    ]


def _data(manifest: Manifest) -> list[str]:
    lines = ["## Learnt from", "", "| file | rows | languages | licences |", "|---|---|---|---|"]
    for file in manifest.data:
        languages = ", ".join(f"{lang} {count}" for lang, count in file["languages"].items())
        lines.append(f"| {file['name']} | {file['rows']} | {languages or '-'} | {', '.join(file['licences']) or '-'} |")
    return [*lines, ""]


def _scores(manifest: Manifest) -> list[str]:
    scores = manifest.scores
    if not scores:
        return []
    lines = [
        "## How good it is",
        "",
        "On rows held out while training: no writer and no scenario was on both sides. Mail of a shop it has never seen is harder.",
        "",
        f"- every row decided: accuracy {scores['accuracy']:.3f}, macro-F1 {scores['macro_f1']:.3f} (n = {scores['n']})",
        f"- with abstaining: {scores['coverage']:.1%} decided, {scores['selective_accuracy']:.1%} of these right",
        f"- expected calibration error {scores['calibration_error']:.3f}",
        "",
    ]
    if len(scores["categories"]) <= 20:
        lines += ["| category | precision | recall | F1 | n |", "|---|---|---|---|---|"]
        lines += [
            f"| {name} | {of['precision']:.3f} | {of['recall']:.3f} | {of['f1']:.3f} | {of['n']} |"
            for name, of in scores["categories"].items()
        ]
        for what in ("language", "form"):
            groups = scores.get(f"{what}s", {})
            if not set(groups) - {"unknown"}:  # the rows do not say
                continue
            lines += ["", f"| {what} | accuracy | macro-F1 | n |", "|---|---|---|---|"]
            lines += [
                f"| {name} | {of['accuracy']:.3f} | {of['macro_f1']:.3f} | {of['n']} |" for name, of in groups.items()
            ]
        lines.append("")
    return lines


def _compared(manifest: Manifest) -> list[str]:
    found = manifest.compared
    if not found:
        return []
    lines = [
        "## Compared with the one before",
        "",
        f"On {found['n']} of the team's own mails that neither model has learnt from, with {found['before']}:",
        "",
        "| | before | now | n |",
        "|---|---|---|---|",
        f"| accuracy | {found['accuracy'][0]:.3f} | {found['accuracy'][1]:.3f} | {found['n']} |",
        f"| macro-F1 | {found['macro_f1'][0]:.3f} | {found['macro_f1'][1]:.3f} | {found['n']} |",
    ]
    if "better_in" in found:
        lines.append(f"| better in | | {found['better_in']:.0%} | of repeated examinations |")
    lines += [
        f"| F1 {name} | {before:.3f} | {now:.3f} | {n} |" for name, (before, now, n) in found["categories"].items()
    ]
    return [*lines, ""]


def _weak(manifest: Manifest) -> list[str]:
    lines = ["## Where it fails", ""]
    if manifest.scores:
        lines += [f"- {sentence}" for sentence in _weaknesses(manifest.scores)]
    taught = {language for file in manifest.data for language in file["languages"]}
    lines += [
        f"- It abstains on text that is plainly in another language than {', '.join(sorted(taught)) or 'those of its rows'}, "
        "or in a script that none of its rows is in. A few words of such a language may be taken for one that it knows.",
        '- A text of few words without a subject ("and now?", "see photo") has too little evidence; it should abstain.',
        "- A mail about two matters gets one category: the one that takes more words, not the one that matters more.",
        "- Irony, and anger without an angry word, are read as plain questions.",
        "- It does not read attachments or pictures.",
    ]
    return lines


def _weaknesses(scores: Mapping[str, Any]) -> list[str]:
    found = [
        f"{name}: F1 {of['f1']:.2f} (precision {of['precision']:.2f}, recall {of['recall']:.2f})"
        for name, of in scores["categories"].items()
        if of["f1"] < WEAK
    ]
    found += [
        f"language {name}: accuracy {of['accuracy']:.2f}"
        for name, of in scores["languages"].items()
        if of["accuracy"] < WEAK
    ]
    mixed = sorted(
        (
            (count, right, said)
            for right, row in scores["confusion"].items()
            for said, count in row.items()
            if right != said
        ),
        reverse=True,
    )
    return found + [
        f"{right} taken for {said}: {count} of {scores['categories'][right]['n']}"
        for count, right, said in mixed[:4]
        if count
    ]
