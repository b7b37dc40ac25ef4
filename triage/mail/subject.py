"""The subject that a conversation has in common, without what clients put around it. Pure."""

from __future__ import annotations

import re
from typing import Final

MAX_PREFIXES = 50  # taken off one subject; loops between two machines were seen to stack 30 ("Re: AW: Re: AW: ...")

# What clients put in front of an answer or a forward (RFC 5256 knows re, fw and fwd), by language.
PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("re", "fw", "fwd", "automatic reply", "auto", "accepted", "declined", "tentative", "canceled", "read"),
    "de": ("aw", "wg", "antwort", "antw", "wtr", "automatische antwort", "weitergeleitet"),
    "es": ("rv", "rm", "res", "respuesta automática", "reenv", "respuesta"),
    "fr": ("tr", "rép", "rep", "réponse automatique", "réf", "transf"),
    "it": ("r", "i", "rif", "inoltro", "risposta automatica"),
    "pt": ("res", "enc", "resposta automática", "reenc"),
    "nl": ("antw", "doorst", "beantwoord", "automatisch antwoord", "betr"),
    "pl": ("odp", "pd", "odpowiedź", "odpowiedź automatyczna"),
    "ru": ("отв", "ответ", "на", "пересл", "автоответ", "автоматический ответ"),
    "uk": ("відп", "вп", "пер", "автоматична відповідь"),
    "cs": ("odp", "odpověď", "předáno", "přeposl", "automatická odpověď"),
    "da": ("sv", "vs", "automatisk svar"),
    "no": ("sv", "vs", "autosvar", "automatisk svar"),
    "sv": ("sv", "vb", "autosvar", "automatiskt svar"),
    "fi": ("vs", "vl", "automaattinen vastaus", "vast"),
    "hu": ("vá", "va", "tov", "továbbítás", "válasz", "automatikus válasz"),
    "tr": ("ynt", "ilt", "i̇lt", "yan", "otomatik yanıt"),
    "ro": ("răsp", "redirecționat"),
    "el": ("απ", "σχετ", "πρθ"),
    "he": ("תגובה", "הועבר", "השב"),
    "ar": ("رد", "إعادة توجيه"),
    "id": ("bls", "trs"),
    "vi": ("trả lời", "chuyển tiếp"),
    "ja": ("返信", "転送", "自動応答"),
    "zh": ("回复", "回覆", "答复", "答覆", "转发", "轉寄", "轉發", "自动回复", "自動回覆", "自动答复"),
    "ko": ("회신", "답장", "전달", "자동 회신"),
}

_WORDS = "|".join(
    sorted({re.escape(word) for words in PREFIXES.values() for word in words}, key=lambda word: (-len(word), word))
)
# "Re:", "RE[2]:", "Re(3) :", "AW：", "[Shop] Re:"; the blob of RFC 5256 before it is a list's name
_PREFIX = re.compile(rf"(?:{_WORDS})\s?(?:[\[(]\d{{1,4}}[\])]|\^\d{{1,4}})?\s?[:：]\s*", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]{0,100}\]\s*")
_TRAILER = re.compile(r"\s*\(fwd\)\s*\Z", re.IGNORECASE)
_WRAPPED = re.compile(r"\[(?:fwd|fw|wg|tr|rv|vs|vb|i|enc)\s?:\s*(.*)\]\Z", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """*subject* without the marks of replies and forwards and without list names (RFC 5256, 2.1), case kept.

    Two subjects are of one conversation if these are equal without regard to case. May be empty.
    """
    text = " ".join(subject.split())
    for _ in range(MAX_PREFIXES):
        before = text
        text = _TRAILER.sub("", text)
        if (found := _PREFIX.match(text)) or ((found := _BLOB.match(text)) and text[found.end() :]):
            text = text[found.end() :]
        elif found := _WRAPPED.match(text):
            text = found[1].strip()
        if text == before:
            break
    return text
