"""Bytes to characters, whatever the label says. Pure, never raises.

Mail lies about its charset in known ways, so the label is a hint and the bytes decide:
`gb2312` is GBK or GB18030 in nearly all mail that declares it, `iso-8859-1` is windows-1252 (the WHATWG Encoding
Standard says so for the web, and Outlook does it), `ks_c_5601-1987` is CP949, and `us-ascii` with 8-bit characters is
mostly UTF-8. Where nothing true is declared, UTF-8 is tried, then windows-1252; statistics (charset-normalizer) are asked
only where most letters are 8-bit, since they name the wrong charset for most short Western texts (docs/parsing.md).
"""

from __future__ import annotations

import codecs
import encodings.aliases
import re

from charset_normalizer import from_bytes

# What a label means in mail rather than in its own standard. Each right side is a superset of the left one.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gb_2312_80": "gb18030",
    "gb2312_80": "gb18030",
    "csgb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "hz_gb_2312": "hz",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso88591": "cp1252",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_9": "cp1254",
    "iso8859_9": "cp1254",
    "latin1": "cp1252",
    "latin_1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "x_ansi": "cp1252",
    "x_cp1250": "cp1250",
    "x_cp1251": "cp1251",
    "x_cp1252": "cp1252",
    "x_windows_1252": "cp1252",
    "tis_620": "cp874",
    "tis620": "cp874",
    "iso_8859_11": "cp874",
    "windows_874": "cp874",
    "ks_c_5601": "cp949",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601_1989": "cp949",
    "ksc5601": "cp949",
    "ksc_5601": "cp949",
    "euc_kr": "cp949",
    "euckr": "cp949",
    "iso_2022_jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "shiftjis": "cp932",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "big5": "big5hkscs",
    "big_5": "big5hkscs",
    "x_x_big5": "big5hkscs",
    "unicode_1_1_utf_7": "utf_7",
    "x_unicode_2_0_utf_7": "utf_7",
    "utf8mb4": "utf_8",
    "x_utf_8": "utf_8",
    "unicode": "utf_16",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
}
# Text encodings of Python that no mail means and whose cost or meaning is not that of a charset.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
_KNOWN = (frozenset(encodings.aliases.aliases) | frozenset(encodings.aliases.aliases.values())) | {
    "utf_8_sig",
    "cp874",
    "cp720",
    "koi8_u",
    "koi8_t",
    "cp1006",
    "mac_croatian",
    "mac_romanian",
    "mac_farsi",
    "mac_arabic",
}
# "Nothing in particular": the bytes alone decide.
_ASCII = frozenset(
    {"", "ascii", "us_ascii", "ansi_x3_4_1968", "us", "7bit", "8bit", "none", "unknown_8bit", "x_unknown"}
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")  # UTF-7 can spell halves of a pair, which no other charset can hold
MAX_CHARSET_NAME = 64  # characters; the longest registered name has 45 (IANA, character sets)


def codec_for(label: str) -> str | None:
    """The Python codec that mail means by *label*; "" for ASCII or nothing declared, None for an unknown label."""
    name = _SEPARATORS.sub("_", label[:MAX_CHARSET_NAME].lower()).strip("_")
    if name in _ASCII:
        return ""
    name = _SUPERSETS.get(name, name)
    if name.startswith("windows_"):
        name = "cp" + name[8:]
    if name in _NO_CHARSETS:
        return None
    # Asking codecs for each unknown name would import and cache without end.
    if name not in _KNOWN and name not in _SUPERSETS.values():
        squeezed = name.replace("_", "")
        if squeezed not in _KNOWN:
            return None
        name = squeezed
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # hex, zlib, rot13 and the like are codecs, but not of text
    return info.name if getattr(info, "_is_text_encoding", True) else None


def decode(data: bytes, label: str = "") -> tuple[str, str | None]:
    """*data* as characters, and a defect (or None). Line ends are left alone, NUL is left in."""
    text, defect = _decode(data, label)
    if not text.isascii() and _SURROGATE.search(text):
        return _SURROGATE.sub("\ufffd", text), defect or "undecodable-characters"
    return text, defect


def _decode(data: bytes, label: str) -> tuple[str, str | None]:
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace"), None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), None
    codec = codec_for(label)
    if not codec:
        defect = "unknown-charset" if codec is None else None
        if data.isascii():
            return _ascii(data), defect
        return _guess(data), defect or ("undeclared-charset" if not label else "lying-charset")
    try:
        return data.decode(codec), None
    except (UnicodeError, ValueError):
        pass
    utf8 = _utf8(data)
    if utf8 is not None and codec != "utf-8":
        return utf8, "lying-charset"
    if codec == "utf-8" and _mostly_latin(data):
        return _guess(data), "lying-charset"
    try:
        return data.decode(codec, "replace"), "undecodable-characters"
    except (UnicodeError, ValueError):  # a stateful codec may refuse even to replace
        return _guess(data), "lying-charset"


def _ascii(data: bytes) -> str:
    """ASCII, or ISO-2022-JP which is 7-bit too and says so by its escapes only (RFC 1468)."""
    if b"\x1b$" in data or b"\x1b(" in data:
        try:
            return data.decode("iso2022_jp_ext")
        except UnicodeError:
            return data.decode("ascii")
    return data.decode("ascii")


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as fault:
        # The bounded slice of a text may end within a character.
        if fault.reason == "unexpected end of data" and fault.end >= len(data):
            return data[: fault.start].decode("utf-8")
        return None


def _mostly_latin(data: bytes) -> bool:
    """Whether replacing would lose more than a few characters: then UTF-8 was simply not true."""
    text = data.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    multibyte = sum(1 for c in text[:20_000] if ord(c) > 0x7F and c != "\ufffd")
    return lost > multibyte


_SAMPLE = 1_000  # bytes that statistics look at; takes 1 to 5 ms
_NOT_WESTERN = [
    "cp1251",
    "koi8_r",
    "gb18030",
    "big5",
    "cp932",
    "euc_jp",
    "cp949",
    "cp1253",
    "cp1255",
    "cp1256",
    "cp874",
]


def _mostly_8_bit(data: bytes) -> bool:
    """Whether more letters are beyond ASCII than within: so it is in no Western language."""
    sample = data[:_SAMPLE]
    beyond = sum(byte >= 0x80 for byte in sample)
    return beyond > 4 and beyond > sum(chr(byte).isalpha() for byte in sample if byte < 0x80)


def _guess(data: bytes) -> str:
    utf8 = _utf8(data)
    if utf8 is not None:
        return utf8
    if _mostly_8_bit(data) and (found := from_bytes(data[:_SAMPLE], cp_isolation=_NOT_WESTERN).best()) is not None:
        return data.decode(found.encoding, "replace")
    # windows-1252 leaves five bytes undefined; they become the control characters that browsers make of them.
    return data.decode("cp1252", "replace").replace("\ufffd", "")
