"""What `config/routing.yaml` may say: calendars, teams, rules. What operators edit; frozen, typed, unknown keys refused. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from triage.lookback.rule_case import Circumstances
from triage.message import Message
from triage.opening_hours import OpeningHours
from triage.promises.calendar_config import CalendarConfig, OpeningTime
from triage.routing import FALLBACK, Route, Rules
from triage.rulebook.rules import PRIORITIES, Addresses, Clock, Fallback, Name, Outcome, Priority, Rule
from triage.settings import Language, Line, MailAddress, Model

ROUND_THE_CLOCK = {"mon-sun": "24h"}


class FirstResponse(Model):
    """By when a person answers, in opening time, for each priority. What is stated until the team's own speed was measured."""

    urgent: OpeningTime = Field(timedelta(hours=1), description="Angry or dangerous mail.")
    high: OpeningTime = Field(timedelta(hours=4), description="Complaints and the like.")
    normal: OpeningTime = Field(timedelta(hours=16), description="Everything else; two working days of eight hours.")
    low: OpeningTime = Field(timedelta(hours=40), description="What can wait a week.")

    def of(self, priority: Priority) -> timedelta:
        span: timedelta = getattr(self, priority)
        return span


class RoundTheClock(FirstResponse):
    """By when a person answers mail whose rule says clock: round-the-clock, in hours of every day and night."""

    urgent: OpeningTime = Field(timedelta(hours=1), description="Angry or dangerous mail.")
    high: OpeningTime = Field(timedelta(hours=4), description="Complaints and the like.")
    normal: OpeningTime = Field(timedelta(hours=24), description="Everything else; marketplaces demand 24 hours.")
    low: OpeningTime = Field(timedelta(hours=24), description="What can wait; marketplaces allow no more.")


class Forwarding(Model):
    """How the team gets the mail."""

    original: Literal["attached", "inline", "redirected"] = Field(
        "attached",
        description="attached: a summary with the original as an .eml; inline: a summary with the whole text and the attachments in the "
        "mail itself; redirected: the original itself with Resent- headers, untouched: for a help desk, whose ticket is then the "
        "customer's.",
    )
    mask: bool = Field(
        True,
        description="Mask card numbers, IBANs, security codes and passwords in text parts. false is needed for redirected.",
    )

    @model_validator(mode="after")
    def _what_is_redirected_is_untouched(self) -> Self:
        if self.original == "redirected" and self.mask:
            raise ValueError(
                "a redirected mail is untouched, card numbers and all; write mask: false beside it if that is meant"
            )
        return self


class Team(Model):
    """Who gets the forward."""

    names: dict[Language, Line] = Field(min_length=1, description="Name as customers read it, by language.")
    inbox: MailAddress = Field(description="Where forwards go: an inbox, or a help desk's intake address.")
    also_to: Addresses = Field((), description="Further inboxes that get every forward of this team.")
    folder: Line = Field(
        description="Folder in the support mailbox where the mail is filed; / divides levels on every server."
    )
    teaches: Line | None = Field(
        None,
        min_length=1,
        description="Category that mail in the team's folder teaches the text model (triage retrain); other: no category; none: "
        "nothing. Left out: the category whose rule leads there.",
    )
    calendar: Name = Field(description="Opening hours, by name of a calendar above.")
    first_response: FirstResponse = Field(
        default_factory=FirstResponse, description="By when a person answers, in opening time, for each priority."
    )
    round_the_clock: RoundTheClock = Field(
        default_factory=RoundTheClock,
        description="The same for mail whose rule says clock: round-the-clock, in hours of every day and night.",
    )
    level: float = Field(
        0.95,
        ge=0.5,
        le=0.99,
        description="Share of promises to be kept: 0.95, 0.9 or 0.8. A lower one makes them much shorter, and breaks more.",
    )
    measure_by_language: bool = Field(
        False, description="Measure waits of each language apart; only where other people answer it."
    )
    reminder: OpeningTime | Literal["never"] = Field(
        timedelta(hours=1),
        description="The inbox is reminded once, this much opening time before a promise breaks. never: not at all.",
    )
    renew: bool = Field(
        False, description="Write a later date to the customer (text renewed) before a promise breaks, once."
    )
    longest_promise: OpeningTime = Field(
        timedelta(hours=80),
        description="Beyond this much opening time no date is stated; ten working days of eight hours.",
    )
    forward: Forwarding = Field(default_factory=Forwarding, description="How the team gets the mail.")

    @property
    def remind_before(self) -> timedelta | None:
        """Opening time before a promise breaks at which the inbox is reminded; None: never."""
        return None if self.reminder == "never" else self.reminder

    def response(self, priority: Priority, clock: Clock) -> timedelta:
        """By when a person answers, in time of *clock*."""
        return (self.first_response if clock == "opening-hours" else self.round_the_clock).of(priority)

    def name_in(self, locale: str, default: str) -> str:
        """The name in *locale* ("es-MX" may use "es"), else in *default*, else any."""
        for wanted in (locale, locale.partition("-")[0], default, default.partition("-")[0]):
            if wanted in self.names:
                return self.names[wanted]
        return next(iter(self.names.values()))


class Policy(Model):
    """The whole of config/routing.yaml."""

    calendars: dict[Name, CalendarConfig] = Field(min_length=1, description="Opening hours and holidays, by name.")
    teams: dict[Name, Team] = Field(min_length=1, description="Who gets what, by name.")
    rules: tuple[Rule, ...] = Field((), description="In order; the first that matches decides.")
    fallback: Fallback = Field(description="What happens to mail that no rule sent anywhere.")

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Self:
        faults = [
            f"teams.{name}.calendar: no calendar {team.calendar!r}; {_choice(team.calendar, self.calendars)}"
            for name, team in self.teams.items()
            if team.calendar not in self.calendars
        ]
        decisions: list[tuple[str, Outcome]] = [(f"rules.{i}.then", rule.then) for i, rule in enumerate(self.rules)]
        for key, outcome in [*decisions, ("fallback", self.fallback)]:
            team = getattr(outcome, "team", None)
            if team is not None and team not in self.teams:
                faults.append(f"{key}.team: no team {team!r}; {_choice(team, self.teams)}")
        for i, rule in enumerate(self.rules):
            for place, when in rule.when.blocks(("rules", i, "when")):
                for condition in ("team_open", "team_closed"):
                    unknown = [team for team in getattr(when, condition) or () if team not in self.teams]
                    dotted = ".".join(map(str, (*place, condition)))
                    faults += [f"{dotted}: no team {team!r}; {_choice(team, self.teams)}" for team in unknown]
        seen: dict[str, int] = {}
        for i, rule in enumerate(self.rules):
            if rule.name == FALLBACK or seen.setdefault(rule.name, i) != i:
                taken = "the name of the fallback" if rule.name == FALLBACK else "the name of an earlier rule too"
                faults.append(f"rules.{i}.name: {rule.name!r} is {taken}; give it another name")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @cached_property
    def hours(self) -> dict[str, OpeningHours]:
        """The business clock of each team, one instance a calendar."""
        clocks = {name: OpeningHours(config) for name, config in self.calendars.items()}
        return {name: clocks[team.calendar] for name, team in self.teams.items()}

    @cached_property
    def _day_and_night(self) -> dict[str, OpeningHours]:
        """A clock that never stops, in the zone of each team."""
        zones = {name: self.calendars[team.calendar].zone for name, team in self.teams.items()}
        clocks = {
            zone: OpeningHours(CalendarConfig.model_validate({"zone": zone, "hours": ROUND_THE_CLOCK}))
            for zone in set(zones.values())
        }
        return {name: clocks[zone] for name, zone in zones.items()}

    def clock(self, team: str, clock: Clock) -> OpeningHours:
        """The clock by which *team* answers."""
        return (self.hours if clock == "opening-hours" else self._day_and_night)[team]

    @cached_property
    def compiled(self) -> Rules:
        """The rules, compiled at first use."""
        return Rules(self.rules, self.fallback)

    def route(self, message: Message, at: Circumstances) -> Route:
        """Where *message* goes and how it is treated."""
        decided = self.compiled.decide(message, at, self.hours)
        team = self.teams[decided.team]
        return Route(
            team=decided.team,
            inbox=team.inbox,
            folder=decided.folder or team.folder,
            priority=decided.priority,
            rule=decided.by["team"],
            template=decided.template,
            reply=decided.reply,
            also_to=tuple(dict.fromkeys((*team.also_to, *decided.also_to))),
            clock=decided.clock,
            tags=decided.tags,
            matched=decided.matched,
            by=decided.by,
            _because=decided.because,
            _tried=decided.tried,
        )

    @property
    def _outcomes(self) -> list[Outcome]:
        return [*(rule.then for rule in self.rules), self.fallback]

    @property
    def inboxes(self) -> frozenset[str]:
        """Every address that a forward may go to, case folded."""
        extra = {address for outcome in self._outcomes for address in outcome.also_to}
        teams = {address for team in self.teams.values() for address in (team.inbox, *team.also_to)}
        return frozenset(address.casefold() for address in extra | teams)

    @property
    def folders(self) -> frozenset[str]:
        """Every folder that mail may be filed in."""
        decided = {outcome.folder for outcome in self._outcomes if outcome.folder}
        return frozenset(decided | {team.folder for team in self.teams.values()})

    @property
    def tags(self) -> frozenset[str]:
        """Every IMAP keyword that a rule may set."""
        return frozenset(tag for outcome in self._outcomes for tag in outcome.tags)


def _choice(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known := sorted(known), n=1)
    return f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(known)}"


__all__ = ["PRIORITIES", "FirstResponse", "Forwarding", "Policy", "Priority", "RoundTheClock", "Team"]
