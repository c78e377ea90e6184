"""The Postgres server: what it is, and who we are there."""

from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from ooda.common.reach import UnreachableError, reach
from ooda.common.settings import PostgresSettings


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What a Postgres server says about itself and about our session."""

    version: str
    role: str


async def ask_postgres(settings: PostgresSettings) -> PostgresFacts:
    """Connect, ask for version and role, disconnect.

    It has no deadline of its own: give it one with ``asyncio.timeout``. Raises
    UnreachableError.
    """
    host, port = settings.address
    await reach("Postgres", host, port)
    conninfo = make_conninfo(
        str(settings.url),
        user=settings.user,
        password=settings.reveal_password(),
        application_name="ooda",
    )
    try:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            cursor = await connection.execute(
                "select current_setting('server_version'), current_user::text"
            )
            version, role = await cursor.fetchone() or ("", "")
    except psycopg.Error as error:
        raise UnreachableError(_explain(host, port, str(error))) from error
    return PostgresFacts(version=version.split()[0], role=role)


def _explain(host: str, port: int, said: str) -> str:
    """Before a session is open libpq hands over words only, no SQLSTATE."""
    where = f"Postgres at {host}:{port}"
    if "password authentication failed" in said or "no password supplied" in said:
        return f"{where} refuses user or password: correct them in [postgres]."
    if "does not exist" in said:
        reason = said.partition("FATAL:")[2].strip() or "no such database or role"
        return f"{where}: {reason}: create it, or correct [postgres] url and user."
    last = said.strip().splitlines()[-1] if said.strip() else "no reason given"
    return f"{where} did not open a session ({last}): correct [postgres], or see the server's log."
