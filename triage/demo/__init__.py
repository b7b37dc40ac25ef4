"""`triage demo`: the real daemon on embedded servers, with mail that we wrote; nothing to install or to configure."""

from triage.demo.command import demo

__all__ = ["demo"]
