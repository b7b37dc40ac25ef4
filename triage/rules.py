"""One routing rule as an operator writes it: `when` these conditions hold, `then` this happens. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from triage.settings import Line, MailAddress, Model

Priority = Literal["urgent", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("urgent", "high", "normal", "low")  # most pressing first
ReplyMode = Literal["normal", "neutral", "never"]


def _listed(value: object) -> object:
    """One value where a list is meant."""
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[Line, ...], BeforeValidator(_listed)]


class When(Model):
    """Conditions of a rule; all that are given must hold. A list holds when one of its values does."""

    category: Words | None = Field(
        None, description="What the model named: logistics, payment, product, complaint; none: it abstained."
    )
    about: Words | None = Field(None, description="What a complaint is about: logistics, payment, product, service.")
    confidence_at_least: float | None = Field(None, ge=0, le=1, description="Least confidence of the model, 0..1.")
    language: Words | None = Field(None, description="Language of the mail, as en or de.")
    mailbox: Words | None = Field(None, description="Support mailbox it came in by.")
    sender: Words | None = Field(None, description="Address or domain of the author: karin@example.de, example.de.")
    recipient: Words | None = Field(None, description="Address or alias it was sent to.")
    subject_words: Words | None = Field(None, description="Whole words in the subject; case and accents do not matter.")
    words: Words | None = Field(None, description="Whole words in subject or own text; case and accents do not matter.")
    silence: Words | None = Field(None, description="Reason for which no reply goes out (docs/guard.md), or any.")


class Then(Model):
    """What a rule decides; what it leaves out stays as the team has it."""

    team: str = Field(description="Team that gets the mail.")
    priority: Priority = Field("normal", description="Which of the team's clocks runs.")
    folder: Line | None = Field(None, description="Folder to file in, instead of the team's.")
    template: str | None = Field(None, description="Text of the reply, instead of the category's.")
    reply: ReplyMode = Field(
        "normal", description="normal; neutral: the text that names no category; never: stay silent."
    )
    also_to: tuple[MailAddress, ...] = Field((), description="Further recipients of the forward.")


class Rule(Model):
    """The first rule whose conditions hold decides."""

    name: Line = Field(min_length=1, max_length=80, description="Shown by explain and kept with each decision.")
    when: When
    then: Then
