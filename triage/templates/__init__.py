"""The texts that customers get: chosen by template and locale, filled with validated values, as text and HTML."""

from triage.templates.catalog import Catalog
from triage.templates.checking import check_templates
from triage.templates.values import ClosedDay, PromiseValues, RenderedReply, ReplyValues, clean_name

__all__ = ["Catalog", "ClosedDay", "PromiseValues", "RenderedReply", "ReplyValues", "check_templates", "clean_name"]
