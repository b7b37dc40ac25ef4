"""The durable memory: what was seen, planned, done. SQLAlchemy Core on SQLite."""

from triage.ledger.store import (
    Attempt,
    Effect,
    History,
    Inquiry,
    Ledger,
    MessageState,
    NewEffect,
    NewPlan,
    Outcome,
    Pending,
    Ticket,
)

__all__ = [
    "Attempt", "Effect", "History", "Inquiry", "Ledger", "MessageState", "NewEffect", "NewPlan", "Outcome", "Pending", "Ticket",
]  # fmt: skip
