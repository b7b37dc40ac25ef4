"""Receipts without the marks of one: "Your message was read on ...", as mail programs write it into plain text. Pure.

A customer may head a mail "Read: my complaint". So it takes the heading that programs write and, unless there are no words at all, their
sentence about the mail that was read.
"""

from __future__ import annotations

import re

from triage.guarding.phrases import any_of, flat, heading, is_answer, is_passed_on
from triage.message import Message

_IN_BRACKETS = re.compile(r"\s?\([^()]{1,40}\)")
_SHORT = 1_500  # characters of a receipt, the copied header of the mail included

# Outlook in its languages puts the first word of these before the subject, Thunderbird and Notes the phrases.
_HEADING = heading(
    (
        r"(?:not )?read|deleted|displayed|return receipt|read receipt|disposition notification|message (?:read|opened)",
        r"(?:un)?gelesen|gelöscht|lesebestätigung|empfangsbestätigung|eingangsbestätigung",
        r"(?:non )?lu|supprimé|accusé de (?:réception|lecture)|confirmation de lecture",
        r"(?:no )?le[íi]do|eliminado|confirmaci[óo]n de lectura|acuse de (?:recibo|lectura)",
        r"(?:non )?letto|eliminato|conferma di lettura|ricevuta di (?:ritorno|lettura)",
        r"(?:não )?lid[oa]|confirmação de leitura|recibo de leitura|(?:niet )?gelezen|leesbevestiging|ontvangstbevestiging",
        r"(?:nie )?przeczytan[oey]|potwierdzenie (?:przeczytania|odczytu)|(?:не )?прочитано|(?:не )?прочтено|уведомление о прочтении",
        r"přečteno|potvrzení o přečtení|læst|läst|läskvitto|lest|lesebekreftelse|luettu|lukukuittaus|elolvasva|olvasási visszaigazolás",
        r"okundu|okundu bilgisi|開封済み|開封確認|已读|已讀|读取回执|읽음|수신 ?확인",
    )
)
_SENTENCE = any_of(
    r"\bwas (?:read|displayed|deleted|opened)\b|\bdeleted without being read\b|\b(?:return|read) receipt\b|\bhas been (?:read|opened)\b",
    r"\bwurde (?:.{0,80} )?(?:gelesen|gelöscht|angezeigt|geöffnet)\b|\bempfangsbestätigung\b|\blesebestätigung\b",
    r"\ba été (?:lu|affiché|supprimé|ouvert)|\baccusé de réception\b|\b(?:fue|ha sido|se ha) (?:le[íi]do|mostrado|eliminado|abierto)",
    r"\bè stat[oa] (?:lett|visualizzat|eliminat|apert)|\b(?:foi|foram) (?:lid|exibid|apresentad|excluíd|abert)",
    r"\b(?:werd|is) (?:.{0,80} )?(?:gelezen|weergegeven|verwijderd|geopend)\b|\bleesbevestiging\b",
    r"\bzosta\w+ (?:.{0,40} )?(?:przeczytan|odczytan|wyświetlon)|\bбыло (?:.{0,40} )?прочитан|\bпрочитано\b|\bbyla? (?:.{0,60} )?přečten",
    r"\bblev (?:.{0,60} )?(?:læst|vist)\b|\bble (?:.{0,60} )?lest\b|\b(?:har lästs|lästes)\b|\bon luettu\b|\bluettiin\b|\belolvas",
    r"\bokundu\b|開封され|読まれ|已[^。]{0,40}(?:阅读|閱讀|读取)|읽었|읽음",
)


def receipt(message: Message) -> str | None:
    """A receipt by subject and text, as evidence; None where a person may have written it."""
    if len(message.text) > _SHORT or is_answer(message) or is_passed_on(message):
        return None
    if _HEADING.match(_IN_BRACKETS.sub("", message.subject)) is None:  # "Return Receipt (displayed) - "
        return None
    words = flat(message.text, _SHORT)
    sentence = _SENTENCE.search(words)
    if sentence is None and any(character.isalnum() for character in words):
        return None
    return f"Subject: {message.subject[:80]}{f' / {sentence[0]}' if sentence else ''}"
