"""Fakes that are shipped: servers on loopback that need pip packages only, and a clock that goes as told. Tests and the demo use them.

The servers come with the extra `demo`; importing this package does not need it, starting a server does.
"""

from triage.testing.clock import FakeClock
from triage.testing.embedded import EmbeddedServers, Stored
from triage.testing.fault_smtp import Accepted, FaultSmtp

__all__ = ["Accepted", "EmbeddedServers", "FakeClock", "FaultSmtp", "Stored"]
