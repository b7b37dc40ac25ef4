"""What names our mail and our tickets."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from triage.identity import is_own_message_id, outbound_message_id, own_message_ids, ticket_reference, tickets_in

FINGERPRINTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(FINGERPRINTS)
def test_a_ticket_is_read_back_from_the_subject_that_carries_it(fingerprint: str) -> None:
    ticket = ticket_reference(fingerprint)
    assert re.fullmatch(r"T-[2-9A-HJKMNP-Z]{7}", ticket)
    assert tickets_in(f"Re: AW: [#{ticket}] complaint: where is it?") == (ticket,)


@given(FINGERPRINTS)
def test_our_message_ids_are_recognised_wherever_they_stand(fingerprint: str) -> None:
    name = outbound_message_id("reply", fingerprint, "Ann@Mail.example", "shop.example")
    assert is_own_message_id(name)
    assert own_message_ids(f"<other@x.example> {name}\r\n\t{name}") == (name, name)


def test_the_same_mail_about_the_same_thing_has_the_same_message_id_and_any_other_a_different_one() -> None:
    def name(kind: str = "forward", fingerprint: str = "aa", to: str = "team@shop.example") -> str:
        return outbound_message_id(kind, fingerprint, to, "shop.example")

    assert name() == name(to="TEAM@shop.example")
    assert len({name(), name(kind="reply"), name(fingerprint="ab"), name(to="other@shop.example")}) == 4


def test_what_others_write_is_not_ours() -> None:
    assert not is_own_message_id(None)
    assert not is_own_message_id("<triage.reply.1234@shop.example>")
    assert tickets_in("[#T-O0I1LU7] and #T-2345678 and [#T-23456789]") == ()


def test_ticket_names_of_a_hundred_thousand_mails_hardly_ever_meet() -> None:
    names = {ticket_reference(f"{number:064x}") for number in range(100_000)}
    assert len(names) >= 100_000 - 3
