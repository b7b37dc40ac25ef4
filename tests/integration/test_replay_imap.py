"""Replay reads the mailboxes over IMAP: the watched folder and those that mail is filed in, and leaves everything as it was."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from triage import config
from triage.lookback import replaying, routing_commands
from triage.testing.embedded import EmbeddedServers

ROOT = Path(__file__).parents[2]
ADDRESS = "support@example.com"


def raw(number: int) -> bytes:
    return (
        f"From: Karin <karin{number}@kunden.example>\r\nTo: {ADDRESS}\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <{number}@kunden.example>\r\nDate: Mon, 16 Nov 2026 10:00:00 +0000\r\n\r\nWhere is my parcel?\r\n"
    ).encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("examples"))
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/imap").write_text("secret\n")
    return tmp_path


def point(home: Path, servers: EmbeddedServers) -> None:
    path = home / "config/triage.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["mailboxes"]["support"]["imap"] |= {"host": "127.0.0.1", "port": servers.imap_port, "tls": "none"}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")


def test_mail_in_watched_and_triaged_folders_is_replayed_and_left_as_it_was(home: Path) -> None:
    with EmbeddedServers({ADDRESS: "secret"}, folders=("Triaged", "Triaged/Logistics")) as servers:
        point(home, servers)
        servers.deliver(ADDRESS, raw(1))
        servers.deliver(ADDRESS, raw(2), folder="Triaged/Logistics")
        servers.deliver(ADDRESS, raw(2))  # a copy
        before = servers.folders(ADDRESS)
        now = datetime.now(UTC)
        sources = list(replaying.from_mailboxes(home, config.load(home), now - timedelta(days=1)))
        assert sorted(source.where.rpartition(":")[0] for source in sources) == ["INBOX", "INBOX", "Triaged/Logistics"]
        draft = home / "draft.yaml"
        rule = "rules:\n  - {name: parcels, when: {words: parcel}, then: {team: complaints}}\n"
        draft.write_text(
            (home / "config/routing.yaml").read_text(encoding="utf-8").replace("rules:\n", rule), encoding="utf-8"
        )
        found = CliRunner().invoke(
            routing_commands.replay, ["--since", "2d", "--rules", str(draft), "--home", str(home)]
        )
        assert found.exit_code == 0, found.output
        assert found.stdout.splitlines()[0].startswith("2 mails read")
        assert "2 would go elsewhere" in found.stdout
        assert servers.folders(ADDRESS) == before
