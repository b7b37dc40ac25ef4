"""What `config/routing.yaml` may say: calendars, teams, rules. What operators edit; frozen, typed, unknown keys refused. Pure."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from triage.calendar_config import CalendarConfig, OpeningTime
from triage.opening_hours import OpeningHours
from triage.rules import PRIORITIES, Priority, Rule, Then
from triage.settings import Language, Line, MailAddress, Model

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class FirstResponse(Model):
    """By when a person answers, in opening time, for each priority. What is stated until the team's own speed was measured."""

    urgent: OpeningTime = Field(timedelta(hours=1), description="Angry or dangerous mail.")
    high: OpeningTime = Field(timedelta(hours=4), description="Complaints and the like.")
    normal: OpeningTime = Field(timedelta(hours=16), description="Everything else; two working days of eight hours.")
    low: OpeningTime = Field(timedelta(hours=40), description="What can wait a week.")

    def of(self, priority: Priority) -> timedelta:
        span: timedelta = getattr(self, priority)
        return span


class Forwarding(Model):
    """How the team gets the mail."""

    original: Literal["attached", "inline"] = Field(
        "attached", description="attached: as an .eml; inline: text and attachments in the mail itself."
    )
    mask: bool = Field(True, description="Mask card numbers, IBANs, security codes and passwords in text parts.")


class Team(Model):
    """Who gets the forward."""

    names: dict[Language, Line] = Field(min_length=1, description="Name as customers read it, by language.")
    inbox: MailAddress = Field(description="Where forwards go.")
    folder: Line = Field(
        description="Folder in the support mailbox where the mail is filed; / divides levels on every server."
    )
    calendar: Name = Field(description="Opening hours, by name of a calendar above.")
    first_response: FirstResponse = Field(default_factory=FirstResponse)
    longest_promise: OpeningTime = Field(
        timedelta(hours=80),
        description="Beyond this much opening time no date is stated; ten working days of eight hours.",
    )
    forward: Forwarding = Field(default_factory=Forwarding)

    def name_in(self, locale: str, default: str) -> str:
        """The name in *locale* ("es-MX" may use "es"), else in *default*, else any."""
        for wanted in (locale, locale.partition("-")[0], default, default.partition("-")[0]):
            if wanted in self.names:
                return self.names[wanted]
        return next(iter(self.names.values()))


class Policy(Model):
    """The whole of config/routing.yaml."""

    calendars: dict[Name, CalendarConfig] = Field(min_length=1, description="Opening hours and holidays.")
    teams: dict[Name, Team] = Field(min_length=1, description="Who gets what.")
    rules: tuple[Rule, ...] = Field((), description="First match wins.")
    fallback: Then = Field(description="What happens to mail that no rule matches: the front desk.")

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Self:
        faults = [
            f"teams.{name}.calendar: no calendar {team.calendar!r}; one of {', '.join(sorted(self.calendars))}"
            for name, team in self.teams.items()
            if team.calendar not in self.calendars
        ]
        decisions = [(f"rules.{i}.then.team", rule.then) for i, rule in enumerate(self.rules)]
        faults += [
            f"{key}: no team {then.team!r}; one of {', '.join(sorted(self.teams))}"
            for key, then in [*decisions, ("fallback.team", self.fallback)]
            if then.team not in self.teams
        ]
        seen: dict[str, int] = {}
        for i, rule in enumerate(self.rules):
            if seen.setdefault(rule.name, i) != i:
                faults.append(f"rules.{i}.name: {rule.name!r} is the name of an earlier rule too; names must differ")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @cached_property
    def hours(self) -> dict[str, OpeningHours]:
        """The business clock of each team, one instance a calendar."""
        clocks = {name: OpeningHours(config) for name, config in self.calendars.items()}
        return {name: clocks[team.calendar] for name, team in self.teams.items()}

    @property
    def inboxes(self) -> frozenset[str]:
        """Every address that a forward may go to, case folded."""
        extra = {address for rule in (*(rule.then for rule in self.rules), self.fallback) for address in rule.also_to}
        return frozenset(address.casefold() for address in extra | {team.inbox for team in self.teams.values()})

    @property
    def folders(self) -> frozenset[str]:
        """Every folder that mail may be filed in."""
        decided = {then.folder for then in (*(rule.then for rule in self.rules), self.fallback) if then.folder}
        return frozenset(decided | {team.folder for team in self.teams.values()})


__all__ = ["PRIORITIES", "FirstResponse", "Forwarding", "Policy", "Priority", "Team"]
