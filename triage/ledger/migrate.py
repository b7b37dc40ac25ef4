"""Bring a ledger's schema up to date with Alembic; every migration runs inside one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from triage.errors import LedgerError


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def head() -> str:
    """Revision that this program writes."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LedgerError("the installation carries no migrations")
    return revision


def upgrade(engine: sa.Engine) -> None:
    """Create or update the schema. May be repeated. Raises LedgerError for a ledger written by a newer program."""
    config = _config()
    try:
        with engine.begin() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head():
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(
            f"the ledger was written by another version of triage ({error}); install that version or newer"
        ) from error
    except sa.exc.SQLAlchemyError as error:
        raise LedgerError(f"the ledger cannot be opened: {getattr(error, 'orig', None) or error}") from error
