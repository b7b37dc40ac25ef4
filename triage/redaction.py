"""Masks for what must never reach a forward, a log or the ledger: card numbers, IBANs, security codes, passwords. Pure.

A number is masked only when its check digit proves it (Luhn for cards, ISO 7064 mod 97 for IBANs), so that order and tracking numbers
survive: of random 16-digit numbers one in ten passes Luhn, of those that also begin like a card about one in thirty.
"""

from __future__ import annotations

import re

# ASCII, so that every charset holds it. The last four digits stay: the customer's own receipt shows them too (PCI DSS 3.4.1).
CARD_MASK = "**** **** **** "

# Issuers' ranges: 4 Visa, 51-55 and 2221-2720 Mastercard, 34/37 American Express, 36/38/300-305 Diners, 35 JCB, 6011/64/65 Discover,
# 62 UnionPay, 50/56-58/63/67 Maestro.
_CARD = re.compile(
    r"(?<![\w.-])(?=(?:4|5[0-8]|2[2-7]|3[04-8]|6[02-57]))\d(?:[ \u00a0.-]?\d){12,18}(?![\w-]|\.\d)",
)
_MANY_DIGITS = re.compile(
    r"\d(?:[ \u00a0.-]?\d){12}"
)  # every card number has them: found in a tenth of the time of _CARD
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}(?!\w)")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
    "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22,
    "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30,
    "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30,
    "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_CODE_WORDS = (
    r"cvv2?|cvc2?|csc|card verification(?: (?:code|value|number))?|security code|sicherheits(?:code|nummer)|"
    r"pr[üu]f(?:nummer|ziffer)|"
    r"kartenpr[üu]fnummer|c[óo]digo de seguridad|"
    r"clave de seguridad|cryptogramme|codice di sicurezza|c[óo]digo de segurança|beveiligingscode"
)
_CODE = re.compile(
    rf"\b({_CODE_WORDS})(\W{{0,4}}(?:(?:is|ist|es|est|lautet|:|=)\W{{0,3}})?)(\d{{3,4}})\b", re.IGNORECASE
)
# Stems of which each of the words holds one: to look for them costs a hundredth of matching the words at every place of a long mail.
_CODE_STEMS = (
    "cvv",
    "cvc",
    "csc",
    "verification",
    "code",
    "nummer",
    "ziffer",
    "seguridad",
    "cryptogramme",
    "codice",
    "segurança",
)
_PASSWORD_WORDS = r"passwor[dt]|passwd|pwd|kennwort|contrase[ñn]a|mot de passe|senha|wachtwoord|has[łl]o|pin(?:-?code)?"  # noqa: S105  words, not a password
# Behind "is" only what has a digit: "my password is not accepted" holds no secret.
_PASSWORD = re.compile(
    rf"\b({_PASSWORD_WORDS})(\s?[:=]\s{{0,3}}|\s(?:is|ist|lautet|es|est)\s(?=[^\s\d]{{0,64}}\d))(\S{{3,128}})",
    re.IGNORECASE,
)
_PASSWORD_STEMS = ("passw", "pwd", "kennwort", "contrase", "mot de passe", "senha", "wachtwoord", "hasło", "haslo")
_PIN = re.compile(r"pin(?:-?code)?\s?(?:[:=]|\s?(?:is|ist|lautet|es|est)\s)")  # "pin" alone is in "shipping", too


def mask(text: str) -> str:
    """*text* with card numbers, IBANs, security codes and passwords masked; the same object when there was none.

    May be repeated: masked text is not changed again.
    """
    masked = _IBAN.sub(_iban, text)  # first: the digits of an IBAN may pass for a card
    if _MANY_DIGITS.search(masked):
        masked = _CARD.sub(_card, masked)
    folded = masked.casefold()
    if any(stem in folded for stem in _CODE_STEMS):
        masked = _CODE.sub(lambda found: f"{found[1]}{found[2]}***", masked)
    if any(stem in folded for stem in _PASSWORD_STEMS) or _PIN.search(folded):
        masked = _PASSWORD.sub(lambda found: f"{found[1]}{found[2]}******", masked)
    return text if masked == text else masked


def passes_luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1, annex B). *digits* holds digits only."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        digit = int(character) * (1 + position % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether *text*, without separators and in upper case, is an IBAN (ISO 13616: length by country, mod 97 is 1)."""
    if _IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return f"{CARD_MASK}{digits[-4:]}" if passes_luhn(digits) else found[0]


def _iban(found: re.Match[str]) -> str:
    """The IBAN masked; what runs on behind it in the same breath (a word after a space) is left as it stands."""
    text = found[0]
    compact = ""
    for position, character in enumerate(text):
        if not character.isalnum():
            continue
        compact += character.upper()
        ends_word = position + 1 == len(text) or not text[position + 1].isalnum()
        if ends_word and is_iban(compact):
            return f"{compact[:4]} **** {compact[-4:]}{text[position + 1 :]}"
    return text
