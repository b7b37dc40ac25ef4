"""The durable memory: what was seen, planned, done. SQLAlchemy Core on SQLite."""

from triage.ledger.store import Ledger

__all__ = ["Ledger"]
