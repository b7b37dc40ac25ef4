"""A home as `triage init` makes it, edited for the servers of a test."""

from __future__ import annotations

import atexit
import copy
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

TRIAGE = Path(sys.executable).parent / "triage"  # the installed command
ADDRESS = "support@shop.example"
TEAMS = ("frontdesk", "logistics", "payment", "product", "complaints")


@functools.cache
def fresh() -> Path:
    """A home that nobody has edited, made once."""
    folder = Path(tempfile.mkdtemp(prefix="triage-home-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([TRIAGE, "init", str(folder / "home")], check=True, capture_output=True)
    shutil.rmtree(folder / "home" / "models" / "corpus", ignore_errors=True)  # not needed to run, and large
    return folder / "home"


@functools.cache
def _plain(file: str) -> Any:
    """A configuration file of that home as plain data; to be copied, not changed."""
    return yaml.safe_load((fresh() / "config" / file).read_text(encoding="utf-8"))


class Home:
    """`settings` and `routing` are the configuration as plain data; `write` puts them on disk, `save` only what is given."""

    def __init__(self, path: Path, *, model: bool = False) -> None:
        """*model*: keep the text model; without it every mail gets the neutral reply, and the daemon starts sooner."""
        self.path = path
        shutil.copytree(fresh(), path)
        if not model:
            (path / "models" / "current").unlink(missing_ok=True)
        self.settings: dict[str, Any] = copy.deepcopy(_plain("triage.yaml"))
        self.routing: dict[str, Any] = copy.deepcopy(_plain("routing.yaml"))
        (path / "secrets" / "imap").write_text("secret\n")
        (path / "secrets" / "imap").chmod(0o600)
        self.settings |= {"mode": "reply", "drain": "5s", "http": {"enabled": False}}
        self.settings["retry"] = {"first_wait": "1s", "reconnect_ceiling": "1s"}
        self.settings["caps"] = {"per_sender": 1000, "per_domain": 100_000, "per_minute": 100_000}
        for team in self.routing["teams"].values():
            team["inbox"] = team["inbox"].replace("example.com", "shop.example")

    @property
    def settings_file(self) -> Path:
        return self.path / "config" / "triage.yaml"

    @property
    def routing_file(self) -> Path:
        return self.path / "config" / "routing.yaml"

    @property
    def ledger(self) -> Path:
        return self.path / "state" / "triage.db"

    def imap(self, port: int, username: str, *, mailbox: str = "support", address: str = ADDRESS, **more: Any) -> Home:
        """Watch one account; called again with another *mailbox*, one more."""
        if "example.com" in str(self.settings["mailboxes"]):
            self.settings["mailboxes"] = {}
        self.settings["mailboxes"][mailbox] = {
            "imap": {
                "host": "127.0.0.1", "port": port, "tls": "none", "username": username, "password": {"file": "secrets/imap"},
                "connect_timeout": "2s", "read_timeout": "2s",
            },
            "addresses": [address],
            "languages": ["en", "de", "es"],
            "poll": "1s",
        } | more  # fmt: skip
        return self

    def in_english_only(self) -> Home:
        """Without texts in other languages: reading them is most of what a start costs, checking them of what `triage check` does."""
        for mailbox in self.settings["mailboxes"].values():
            mailbox["languages"] = ["en"]
        for language in ("de", "en-GB", "es", "es-419"):
            shutil.rmtree(self.path / "templates" / language)
        return self

    def smtp(self, port: int, **more: Any) -> Home:
        self.settings["smtp"] = {
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "connections": 4,
            "timeout": "5s",
        } | more
        return self

    def write(self) -> Home:
        """Put `settings` and `routing` on disk."""
        for file, data in ((self.settings_file, self.settings), (self.routing_file, self.routing)):
            file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return self
