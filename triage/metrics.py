"""Every metric of the daemon, in one place; docs/operations.md has a line for each, which a test compares with this file."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters and gauges over a registry of their own, so that tests and reloads never meet each other's."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.messages = Counter(
            "triage_messages",
            "Messages decided, by mailbox and category (none: the model abstained).",
            ["mailbox", "category"],
            registry=registry,
        )
        self.effects = Counter(
            "triage_effects",
            "What came of replies, forwards and moves: accepted, refused, deferred, lost, suppressed, repeated.",
            ["kind", "event"],
            registry=registry,
        )
        self.silences = Counter(
            "triage_replies_withheld", "Messages that got no automatic reply, by reason (docs/guard.md).", ["reason"], registry=registry
        )  # fmt: skip
        self.promises = Counter(
            "triage_promises",
            "Promises to customers: made, no-date, kept, broken, answered (nothing was promised), closed (no answer needed).",
            ["team", "event"],
            registry=registry,
        )
        self.reminders = Counter(
            "triage_promise_reminders", "Reminders planned to a team before a promise breaks.", ["team"], registry=registry
        )  # fmt: skip
        self.renewals = Counter(
            "triage_promise_renewals", "Later dates planned to customers before a promise breaks.", ["team"], registry=registry
        )  # fmt: skip
        self.failures = Counter(
            "triage_message_failures", "Attempts at a message that failed.", ["mailbox"], registry=registry
        )
        self.quarantined = Counter(
            "triage_quarantined", "Messages put into quarantine.", ["mailbox"], registry=registry
        )
        self.connection_failures = Counter(
            "triage_imap_connection_failures",
            "Connections to a mailbox that failed or broke.",
            ["mailbox"],
            registry=registry,
        )
        self.connected = Gauge(
            "triage_imap_connected", "1 while the mailbox has a working connection.", ["mailbox"], registry=registry
        )
        self.round_trip_age = Gauge(
            "triage_imap_last_answer_seconds",
            "Seconds since the mailbox's server last answered.",
            ["mailbox"],
            registry=registry,
        )
        self.waiting = Gauge("triage_effects_waiting", "Effects that are not final yet.", registry=registry)
        self.oldest_waiting = Gauge(
            "triage_effects_oldest_waiting_seconds", "Age of the oldest effect that is not final.", registry=registry
        )
        self.batch_seconds = Histogram(
            "triage_batch_seconds", "From fetched to settled, for a batch.", registry=registry
        )
        self.config_ok = Gauge(
            "triage_config_ok", "0 when the last edit of the configuration could not be read.", registry=registry
        )
        self.model_ok = Gauge(
            "triage_model_ok",
            "0 when there is no usable text model and every mail gets the neutral reply.",
            registry=registry,
        )
        self.replies_stopped = Gauge(
            "triage_replies_stopped", "1 while replies are paused or the breaker is open.", registry=registry
        )
        self.ledger_ok = Gauge("triage_ledger_ok", "0 while the ledger cannot be written.", registry=registry)

    def text(self) -> bytes:
        """The exposition format (version 0.0.4)."""
        return generate_latest(self.registry)
