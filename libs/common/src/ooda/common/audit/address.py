"""The address of the audit database, for SQLAlchemy and for psycopg itself."""

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url

from ooda.common.settings import PostgresSettings


def audit_url(settings: PostgresSettings) -> URL:
    """Return the URL with the driver and the credentials that belong to it."""
    return make_url(str(settings.url)).set(
        drivername="postgresql+psycopg",
        username=settings.user,
        password=settings.reveal_password(),
    )


def audit_conninfo(settings: PostgresSettings) -> str:
    """Return the same for psycopg; not by the URL, whose escapes libpq does not all know."""
    return make_conninfo(str(settings.url), user=settings.user, password=settings.reveal_password())
