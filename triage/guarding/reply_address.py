"""To whom an automatic reply goes: one address, or nobody. Pure.

A contact form's mail names the customer in a header or a line; else Reply-To; else From (RFC 5322, 3.6.2). Never the return path, which
belongs to bounces, and never two: a second recipient is how an answering machine becomes somebody's cannon.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from triage.message import Address, Message
from triage.rulebook.expressions import compiled, taken
from triage.settings import ContactForm

_MAX_LOCAL, _MAX_DOMAIN, _MAX_LABEL = 64, 255, 63  # octets, RFC 5321, 4.5.3.1 and RFC 1035, 2.3.4
_SEARCHED_FOR_ADDRESS = 20_000  # characters of a form's mail; beyond, it is no form

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]"  # RFC 5322, 3.2.3 with RFC 6532, 3.1
# Dots at the end or doubled want quotes, but are in use: Japanese mobile carriers gave such addresses out.
_ATOMS = re.compile(rf"{_ATEXT}(?:\.|{_ATEXT})*")
# Of what quotes allow, only what no reader of headers takes for a second address.
_QUOTED = re.compile(rf'"(?:[ .]|{_ATEXT})+"')
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_\x80-\U0010ffff-]+(?<!-)")
# Letters, marks, digits, pictures. Punctuation of other scripts may turn into "," or "@" where it is normalised.
_FOREIGN = ("L", "M", "N", "So")
_ADDRESS_IN_TEXT = re.compile(r"[^\s@<>,;:\"()\[\]\\|]{1,64}@[^\s@<>,;:\"()\[\]\\|/]{1,255}")


def is_usable(address: str) -> bool:
    """Whether *address* is one addr-spec that a mail server can take: no control character, no list.

    A domain of one label is taken: it names a host of the own network, and there the mail may come from.
    """
    local, at, domain = address.rpartition("@")
    if not at or not address.isprintable() or len(local.encode("utf-8", "replace")) > _MAX_LOCAL:
        return False
    if not all(character.isascii() or unicodedata.category(character).startswith(_FOREIGN) for character in address):
        return False
    if "=?" in local or not (
        _ATOMS.fullmatch(local) or _QUOTED.fullmatch(local)
    ):  # "=?" would be decoded by whoever reads To
        return False
    return _is_usable_domain(domain)


def _is_usable_domain(domain: str) -> bool:
    if domain.startswith("[") and domain.endswith("]"):
        return _is_ip_literal(domain[1:-1])
    labels = domain.split(".")
    if len(domain.encode("utf-8", "replace")) > _MAX_DOMAIN:
        return False
    if labels[-1].casefold() == "invalid" or labels[-1].isdigit():  # RFC 6761, 6.4; an IP address without brackets
        return False
    return all(_LABEL.fullmatch(label) and len(label) <= _MAX_LABEL for label in labels)


def _is_ip_literal(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("IPv6:").removeprefix("ipv6:"))
    except ValueError:
        return False
    return True


def on_the_wire(address: str) -> str:
    """*address* as SMTP and To carry it without SMTPUTF8 where only its domain is foreign: A-labels (RFC 5891, 4.4).

    An address whose local part is not ASCII stays as it is, since only SMTPUTF8 can carry it (RFC 6531).
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii() or not local.isascii():
        return address
    return local + at + ".".join(_a_label(label) for label in domain.split("."))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + unicodedata.normalize("NFC", label.lower()).encode("punycode").decode("ascii")


def without_tag(address: str) -> str:
    """*address* case folded and without "+tag" (RFC 5233), to compare it with our own."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def is_one_of(address: str, ours: AbstractSet[str]) -> bool:
    """Whether *address* is in *ours* (case folded), as it stands or without its tag."""
    return address.casefold() in ours or without_tag(address) in ours


def form_of(message: Message, forms: Iterable[ContactForm]) -> ContactForm | None:
    """The contact form that sent *message*, by From."""
    if message.from_address is None:
        return None
    return next((form for form in forms if message.from_address.same_as(form.sender)), None)


def customer_of_form(message: Message, form: ContactForm) -> Address | None:
    """The address that the customer typed into the form: from the configured header, else the configured line."""
    found: list[str] = []
    if form.address_header:
        found += message.headers.get_all(form.address_header)
    if form.address_pattern:
        pattern = compiled(form.address_pattern)
        match = pattern.search(message.text[:_SEARCHED_FOR_ADDRESS])
        if match is not None:
            found.append(taken(pattern, match))
    for text in found:
        addresses = [match.rstrip(".") for match in _ADDRESS_IN_TEXT.findall(text)]
        if len(addresses) == 1 and is_usable(addresses[0]):
            local, _, domain = addresses[0].rpartition("@")
            return Address("", f"{local}@{domain.lower()}")
    return None


def reply_address(message: Message, *, own: AbstractSet[str], own_domains: AbstractSet[str]) -> Address | None:
    """The author's wish (Reply-To), else the author (From); None where neither is usable.

    A Reply-To that leads to us is passed over: a help desk, a list or a customer's address book set it, and an answer there
    comes back. Of several the one equal to From is taken, else the first, since a list of them is still one customer.
    """
    wished = [
        address
        for address in message.reply_to
        if is_usable(address.address) and not is_one_of(address.address, own) and address.domain not in own_domains
    ]
    author = message.from_address if message.from_address and is_usable(message.from_address.address) else None
    if author is not None and any(address.same_as(author.address) for address in wished):
        return author
    return _first(wished) or author


def _first(addresses: Sequence[Address]) -> Address | None:
    return addresses[0] if addresses else None
