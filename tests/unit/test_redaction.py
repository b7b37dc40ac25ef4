"""What must never reach a forward: cards, IBANs, security codes, passwords. All numbers are the issuers' published test numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.redaction import mask, passes_luhn


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("my card 4111 1111 1111 1111 was charged", "my card **** **** **** 1111 was charged"),
        ("4111111111111111", "**** **** **** 1111"),
        ("Amex 3782-822463-10005.", "Amex **** **** **** 0005."),
        ("5555.5555.5555.4444", "**** **** **** 4444"),
        ("IBAN DE89 3704 0044 0532 0130 00 bitte", "IBAN DE89 **** 3000 bitte"),
        ("iban gb29nwbk60161331926819", "iban GB29 **** 6819"),
        ("ES91 2100 0418 4502 0005 1332", "ES91 **** 1332"),
        ("CVV: 123", "CVV: ***"),
        ("Prüfnummer ist 7373", "Prüfnummer ist ***"),
        ("código de seguridad 456 gracias", "código de seguridad *** gracias"),
        ("mein Passwort: geheim!23", "mein Passwort: ******"),
        ("password is hunter22", "password is ******"),
    ],
)
def test_what_could_be_abused_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",  # looks like a card, fails Luhn
        "tracking 00340434161094042557",  # DHL, 20 digits
        "1Z999AA10123456784",
        "ES91 2100 0418 4502 0005 1333",  # wrong check digits
        "Bestellung 2026-11-22-4711",
        "call me on 020 7946 0958",
        "password reset does not work",
        "my password is not accepted since the 3rd",
        "EAN 4006381333931",
        "",
    ],
)
def test_what_the_team_needs_stays(text: str) -> None:
    assert mask(text) == text


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.sampled_from(["", " ", "-"]))
def test_every_valid_visa_number_is_masked_however_it_is_grouped(stem: str, separator: str) -> None:
    digits = next(stem + last for last in "0123456789" if passes_luhn(stem + last))
    written = separator.join(digits[i : i + 4] for i in range(0, 16, 4))
    assert digits[:12] not in mask(f"card {written} please").replace(separator, "")


@pytest.mark.parametrize(
    "words",
    [
        "CVV",
        "cvc2",
        "CSC",
        "card verification",
        "Security Code",
        "Sicherheitsnummer",
        "Prüfziffer",
        "prufnummer",
        "CÓDIGO DE SEGURIDAD",
        "clave de seguridad",
        "cryptogramme",
        "codice di sicurezza",
        "código de segurança",
        "beveiligingscode",
    ],
)
def test_a_security_code_is_masked_whatever_it_is_called(words: str) -> None:
    assert mask(f"{'Shipping. ' * 50}{words}: 4711") == f"{'Shipping. ' * 50}{words}: ***"


@pytest.mark.parametrize(
    "words",
    [
        "Password",
        "passwort",
        "PASSWD",
        "pwd",
        "Kennwort",
        "contraseña",
        "Contrasena",
        "mot de passe",
        "senha",
        "wachtwoord",
        "hasło",
        "HASLO",
        "PIN",
        "pin-code",
        "Pincode",
    ],
)
@pytest.mark.parametrize("verb", [": ", " = ", " is ", " ist ", " es "])
def test_a_password_is_masked_whatever_it_is_called(words: str, verb: str) -> None:
    assert "hunter22" not in mask(f"{'Shipping. ' * 50}{words}{verb}hunter22")


@given(st.text(max_size=400))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)
