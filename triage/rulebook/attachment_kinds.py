"""What kinds of attachments a mail has, by declared type and by name. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from triage.message import Attachment

# Many clients send everything as application/octet-stream, so the name counts where the type says nothing.
_BY_TYPE = {
    "application/pdf": "pdf",
    "application/msword": "document",
    "application/rtf": "document",
    "text/rtf": "document",
    "application/vnd.oasis.opendocument.text": "document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document",
    "application/vnd.ms-excel": "table",
    "application/vnd.oasis.opendocument.spreadsheet": "table",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "table",
    "text/csv": "table",
    "application/zip": "archive",
    "application/x-zip-compressed": "archive",
    "application/gzip": "archive",
    "application/x-7z-compressed": "archive",
    "application/vnd.rar": "archive",
    "application/x-rar-compressed": "archive",
    "message/rfc822": "mail",
    "message/global": "mail",
    "application/vnd.ms-outlook": "mail",
    "text/calendar": "calendar",
    "application/ics": "calendar",
}
_BY_SUFFIX = {
    "pdf": "pdf",
    **dict.fromkeys(("jpg", "jpeg", "jfif", "png", "gif", "heic", "heif", "webp", "bmp", "tif", "tiff"), "image"),
    **dict.fromkeys(("doc", "docx", "odt", "rtf", "pages"), "document"),
    **dict.fromkeys(("xls", "xlsx", "ods", "csv", "numbers"), "table"),
    **dict.fromkeys(("txt", "md", "log"), "text"),
    **dict.fromkeys(("zip", "gz", "tgz", "7z", "rar", "tar"), "archive"),
    **dict.fromkeys(("mp3", "m4a", "wav", "ogg", "opus", "amr"), "audio"),
    **dict.fromkeys(("mp4", "mov", "avi", "mkv", "webm", "3gp"), "video"),
    **dict.fromkeys(("eml", "msg"), "mail"),
    "ics": "calendar",
}
_BY_FAMILY = {"image": "image", "audio": "audio", "video": "video", "text": "text"}


def kind_of(attachment: Attachment) -> str:
    """ "image", "pdf", "document", "table", "text", "archive", "audio", "video", "mail", "calendar" or "other"."""
    suffix = attachment.filename.rpartition(".")[2].lower()
    return (
        _BY_TYPE.get(attachment.content_type)
        or _BY_SUFFIX.get(suffix)
        or _BY_FAMILY.get(attachment.content_type.partition("/")[0])
        or "other"
    )


def kinds_of(attachments: Iterable[Attachment]) -> frozenset[str]:
    """The kinds that are there and "any", or "none" alone."""
    kinds = frozenset(map(kind_of, attachments))
    return kinds | {"any"} if kinds else frozenset({"none"})
