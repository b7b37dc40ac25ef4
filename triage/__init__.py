"""E-mail triage and auto-reply for support mailboxes."""

__version__ = "0.1.0"
