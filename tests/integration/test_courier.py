"""The SMTP edge: what each failure says, against a server that knows what it kept, and against Postfix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.letters import letter
from tests.support.postfix import Postfix
from tests.support.waiting import free_port, until
from triage.clock import SystemClock
from triage.courier import Courier
from triage.errors import LedgerError, PermanentError, TransientError, UnknownOutcome
from triage.settings import SmtpServer
from triage.testing import FaultSmtp

MakeCourier = Callable[..., Courier]
SENDER, RECIPIENT = "support@shop.example", "ann@mail.example"


@pytest.fixture
async def courier_to(tmp_path: Path) -> AsyncIterator[MakeCourier]:
    """Makes couriers: `courier_to(port, connections=2)`; closes them in the end."""
    made: list[Courier] = []

    def make(port: int, *, password: str | None = None, **settings: Any) -> Courier:
        if password is not None:
            settings |= {"username": "shop", "password": {"env": "UNUSED"}}
        server = SmtpServer.model_validate(
            {
                "host": "127.0.0.1",
                "port": port,
                "tls": "none",
                "timeout": timedelta(seconds=1),
                "dot_timeout": timedelta(seconds=1),
            }
            | settings
        )
        made.append(Courier(server, home=tmp_path, password=lambda: password, clock=SystemClock()))
        return made[-1]

    yield make
    for courier in made:
        await courier.close()


async def test_a_mail_arrives_byte_for_byte_with_its_envelope(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    raw = letter(1, text="one\n.\n..two dots\n.three\n")
    await courier_to(smtp.port).send("", RECIPIENT, raw)
    (mail,) = smtp.accepted
    assert (mail.envelope_sender, mail.recipients, mail.content) == ("", (RECIPIENT,), raw)


async def test_connections_are_kept_and_are_no_more_than_configured(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    courier = courier_to(smtp.port, connections=2)
    await asyncio.gather(*(courier.send(SENDER, RECIPIENT, letter(i)) for i in range(10)))
    assert len(smtp.accepted) == 10
    assert smtp.connections == 2


async def test_the_intent_is_awaited_when_the_server_is_ready_and_nothing_has_left(
    smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    kept_at_intent = []

    async def intent() -> None:
        kept_at_intent.append(len(smtp.accepted))

    await courier_to(smtp.port).send(SENDER, RECIPIENT, letter(1), before_data=intent)
    assert kept_at_intent == [0]
    assert len(smtp.accepted) == 1


async def test_nothing_is_sent_when_the_intent_cannot_be_written_down(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    async def intent() -> None:
        raise LedgerError("disk full")

    courier = courier_to(smtp.port)
    with pytest.raises(LedgerError):
        await courier.send(SENDER, RECIPIENT, letter(1), before_data=intent)
    await courier.send(SENDER, RECIPIENT, letter(2))
    assert [mail.content for mail in smtp.accepted] == [letter(2)]


REFUSED = [(stage, "550 5.7.1 no") for stage in ("MAIL", "RCPT", "DATA", "END")]
PUT_OFF = [
    *((stage, "451 4.3.0 later") for stage in ("MAIL", "RCPT", "DATA", "END")),
    *((stage, "421") for stage in ("MAIL", "RCPT", "DATA", "END")),
    ("CONNECT", "554 5.3.2 no service"),
    ("EHLO", "421"),
]


@pytest.mark.parametrize(("stage", "answer"), REFUSED)
async def test_5yz_is_permanent_and_the_next_mail_gets_through(
    stage: str, answer: str, smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    courier = courier_to(smtp.port, connections=1)
    smtp.fail(stage, answer)
    with pytest.raises(PermanentError) as caught:
        await courier.send(SENDER, RECIPIENT, letter(1))
    assert caught.value.code == 550
    await courier.send(SENDER, RECIPIENT, letter(2))
    assert [mail.content for mail in smtp.accepted] == [letter(2)]


@pytest.mark.parametrize(("stage", "answer"), PUT_OFF)
async def test_4yz_and_trouble_with_the_connection_are_transient_and_the_next_mail_gets_through(
    stage: str, answer: str, smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    courier = courier_to(smtp.port, connections=1)
    smtp.fail(stage, answer)
    with pytest.raises(TransientError):
        await courier.send(SENDER, RECIPIENT, letter(1))
    await courier.send(SENDER, RECIPIENT, letter(2))
    assert [mail.content for mail in smtp.accepted] == [letter(2)]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("action", ["drop", "slow:30"])
async def test_a_connection_lost_before_the_mail_left_is_tried_again_at_once(
    stage: str, action: str, smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    smtp.fail(stage, action)
    await courier_to(smtp.port).send(SENDER, RECIPIENT, letter(1))
    assert [mail.content for mail in smtp.accepted] == [letter(1)]


@pytest.mark.parametrize(
    ("action", "kept"),
    [("drop", 0), ("keep+drop", 1), ("keep+slow:30", 1), ("slow:30", 0)],
    ids=lambda value: str(value),
)
async def test_silence_after_the_final_dot_is_an_unknown_outcome_whether_kept_or_not(
    action: str, kept: int, smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    smtp.fail("END", action)
    with pytest.raises(UnknownOutcome):
        await courier_to(smtp.port).send(SENDER, RECIPIENT, letter(1))
    assert len(smtp.accepted) == kept


async def test_stopping_while_the_server_thinks_about_the_mail_is_an_unknown_outcome(
    smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    smtp.fail("END", "keep+slow:30")
    sending = asyncio.ensure_future(courier_to(smtp.port, dot_timeout="10m").send(SENDER, RECIPIENT, letter(1)))
    await asyncio.to_thread(smtp.wait_for, 1)
    sending.cancel()
    with pytest.raises(UnknownOutcome):
        await sending


async def test_stopping_before_the_mail_left_sends_nothing_and_the_next_mail_gets_its_own_answers(
    smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    courier = courier_to(smtp.port, connections=1, timeout="30s")
    smtp.fail("RCPT", "slow:30")
    sending = asyncio.ensure_future(courier.send(SENDER, RECIPIENT, letter(1)))
    await asyncio.to_thread(until, lambda: smtp.hits, "the recipient to be named")
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await courier.send(SENDER, RECIPIENT, letter(2))
    assert [mail.content for mail in smtp.accepted] == [letter(2)]


async def test_a_server_that_is_not_there_is_transient(courier_to: MakeCourier) -> None:
    with pytest.raises(TransientError, match="Connect call failed"):
        await courier_to(free_port()).send(SENDER, RECIPIENT, letter(1))


async def test_a_server_that_accepts_and_never_greets_is_transient(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    smtp.fail("CONNECT", "slow:60", times=-1)
    with pytest.raises(TransientError):
        await courier_to(smtp.port).send(SENDER, RECIPIENT, letter(1))


async def test_a_wrong_password_concerns_the_account_and_not_the_mail(courier_to: MakeCourier) -> None:
    with FaultSmtp(users={"shop": "right"}) as server:
        await courier_to(server.port, password="right").send(SENDER, RECIPIENT, letter(1))
        with pytest.raises(TransientError) as caught:
            await courier_to(server.port, password="wrong").send(SENDER, RECIPIENT, letter(2))
        assert caught.value.code == 535
        with pytest.raises(TransientError):  # 530 at MAIL: the login is missing
            await courier_to(server.port).send(SENDER, RECIPIENT, letter(3))


async def test_starttls_that_is_not_offered_is_refused_by_us(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    with pytest.raises(TransientError, match="STARTTLS"):
        await courier_to(smtp.port, tls="starttls").send(SENDER, RECIPIENT, letter(1))
    assert not smtp.accepted


async def test_a_control_character_in_an_address_never_reaches_the_wire(
    smtp: FaultSmtp, courier_to: MakeCourier
) -> None:
    with pytest.raises(PermanentError):
        await courier_to(smtp.port).send(SENDER, "ann@mail.example>\r\nRCPT TO:<eve@mail.example", letter(1))
    assert not smtp.accepted


async def test_a_cut_instead_of_the_answer_to_quit_is_no_trouble(smtp: FaultSmtp, courier_to: MakeCourier) -> None:
    courier = courier_to(smtp.port)
    await courier.send(SENDER, RECIPIENT, letter(1))
    smtp.fail("QUIT", "drop")
    await courier.close()
    assert smtp.hits == [("QUIT", "drop")]
    assert len(smtp.accepted) == 1


# -- a real server -----------------------------------------------------------------------------------------------------------------


async def test_postfix_takes_the_mail_and_hands_it_on(postfix: Postfix, courier_to: MakeCourier) -> None:
    answer = await courier_to(postfix.port).send("", "postfix1@mail.example", letter(1))
    assert "queued as" in answer
    await asyncio.to_thread(until, lambda: postfix.accepted("postfix1@mail.example"), "Postfix to hand the mail on")
    assert postfix.accepted("postfix1@mail.example") == ["<letter.1@mail1.example>"]


@pytest.mark.parametrize(
    ("recipient", "error"), [("tempfail", TransientError), ("nouser", PermanentError), ("drop", TransientError)]
)
async def test_postfix_refuses_and_the_connection_serves_the_next_mail(
    recipient: str, error: type[Exception], postfix: Postfix, courier_to: MakeCourier
) -> None:
    courier = courier_to(postfix.port, connections=1, timeout="10s")
    with pytest.raises(error):
        await courier.send(SENDER, f"{recipient}@mail.example", letter(1))
    assert "queued as" in await courier.send(SENDER, "postfix2@mail.example", letter(2))
