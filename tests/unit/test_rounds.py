"""In which order the mails of a batch are decided about."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.support.letters import letter
from triage.mailbox import Fetched
from triage.message import MessageKey
from triage.parsing import parse
from triage.pipeline import Item, rounds
from triage.records import Attempt

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def item(uid: int, sender: int, mail: int) -> Item:
    key = MessageKey("support", "INBOX", 1, uid)
    raw = letter(mail, sender=f"customer{sender}@mail.example")
    return Item(
        Fetched(key, raw, NOW, len(raw), False), Attempt(uid, key, 1), parse(raw), f"customer{sender}@mail.example"
    )


BATCHES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=12).map(
    lambda pairs: [item(uid, sender, mail) for uid, (sender, mail) in enumerate(pairs, 1)]
)


@given(BATCHES)
def test_every_mail_comes_once_and_those_of_one_sender_in_their_order(batch: list[Item]) -> None:
    decided = [one for group in rounds(batch) for one in group]
    assert sorted(one.attempt.id for one in decided) == [one.attempt.id for one in batch]
    for sender in {one.sender for one in batch}:
        assert [one.attempt.id for one in decided if one.sender == sender] == [
            one.attempt.id for one in batch if one.sender == sender
        ]


@given(BATCHES)
def test_no_round_has_a_sender_or_a_mail_twice(batch: list[Item]) -> None:
    for group in rounds(batch):
        assert len({one.sender for one in group}) == len(group)
        assert len({one.message.fingerprint for one in group}) == len(group)


def test_strangers_are_all_decided_in_one_round() -> None:
    assert [len(group) for group in rounds([item(uid, uid, uid) for uid in range(1, 51)])] == [50]
