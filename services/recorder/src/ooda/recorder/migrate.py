"""What ``ooda-recorder migrate`` does: the newest schema, then the roles. A Job runs it."""

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from ooda.common.audit.address import audit_conninfo, audit_url
from ooda.common.config_file import ConfigError
from ooda.recorder.roles import READER, RECORDER, refresh_roles
from ooda.recorder.settings import MigrationSettings

log = structlog.get_logger()


def main() -> int:
    """Migrate as settings say; return the exit code. Kubernetes tries a failed Job again."""
    try:
        migrate(MigrationSettings.load())
    except (ConfigError, SQLAlchemyError, psycopg.Error) as error:
        log.error("not migrated", reason=str(error))  # noqa: TRY400 - the sentence is the whole story
        return 1
    log.info("migrated")
    return 0


def alembic_config(url: URL) -> Config:
    """Return Alembic's configuration; the URL is handed over as it is, never written anywhere."""
    config = Config()
    config.set_main_option("script_location", "ooda.recorder:migrations")
    config.attributes["url"] = url
    return config


def migrate(settings: MigrationSettings) -> None:
    """Bring schema and roles up to date; running it again changes nothing.

    Raises SQLAlchemyError or psycopg.Error from the database.
    """
    command.upgrade(alembic_config(audit_url(settings.postgres)), "head")
    passwords = {RECORDER: settings.recorder_password, READER: settings.reader_password}
    refresh_roles(audit_conninfo(settings.postgres), passwords)
