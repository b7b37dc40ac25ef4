"""Rows for the classifier's tests, put together from phrases that we wrote."""

from __future__ import annotations

import itertools

from triage.classifier.dataset import Row

_OPENINGS = ("hello, ", "hi there, ", "good morning, ", "dear team, ", "")
_PHRASES = {
    "logistics": (
        "where is my parcel",
        "the tracking has not moved since monday",
        "the courier left it with a neighbour",
    ),
    "payment": ("you charged my card twice", "I need an invoice with VAT", "the voucher code is not accepted"),
    "product": ("which size fits me", "the lamp does not switch on any more", "is this jacket waterproof"),
    "other": ("I would like to work for you", "please delete my account", "thank you and have a nice day"),
}
_ANGER = (
    "this is a disgrace, shame on you, ",
    "worst shop ever, I will call my lawyer, ",
    "never again, you are liars, ",
)


def rows() -> list[Row]:
    """96 rows of five labels in English, four writers."""
    found = []
    for label, phrases in _PHRASES.items():
        for number, (opening, phrase) in enumerate(itertools.product(_OPENINGS, phrases)):
            found.append(Row(f"{opening}{phrase}, order {number}", label, f"{label}-{number}", writer=f"w{number % 4}"))
    for subject in ("logistics", "payment", "product", "service"):
        phrases = _PHRASES.get(subject, ("nobody answers me", "your colleague was rude", "you ignore my mails"))
        for number, (anger, phrase) in enumerate(itertools.product(_ANGER, phrases)):
            writer = f"w{number % 4}"
            found.append(
                Row(anger + phrase, "complaint", f"complaint-{subject}-{number}", about=subject, writer=writer)
            )
    return found
