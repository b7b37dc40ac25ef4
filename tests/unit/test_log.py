"""What a log line never holds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from triage import log

CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["text", "json"])
def test_numbers_in_a_traceback_or_a_servers_words_are_masked(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(form=form)
    try:
        raise ValueError(f"cannot read: my card is {CARD}")
    except ValueError:
        log.get().exception("message_failed", uid=7)
    log.get().warning("effect", detail=f"550 refused: {IBAN}")
    said = capsys.readouterr().err
    assert CARD not in said
    assert IBAN not in said
    assert "**** **** **** 1111" in said
    assert "DE89 **** 3000" in said


def test_a_line_tells_what_was_given_and_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(form="json")
    log.get().info("filed", uid=7, folder="Triaged", defects=None)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["uid"], line["folder"]) == ("filed", "info", 7, "Triaged")
    assert "defects" not in line
