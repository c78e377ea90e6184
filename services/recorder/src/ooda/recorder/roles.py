"""The two roles of the audit database: ``recorder`` appends, ``reader`` reads. Run as the owner."""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from pydantic import SecretStr

RECORDER, READER = "recorder", "reader"

GRANTS = (
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    "GRANT SELECT, INSERT ON events, chain_checkpoints, snapshots TO recorder",
    # The head is one row that moves on; a trigger sees to it that it never goes back.
    "GRANT SELECT ON chain_head TO recorder",
    "GRANT UPDATE (position, row_hash) ON chain_head TO recorder",
    "GRANT EXECUTE ON FUNCTION open_events_partition(bigint, bigint) TO recorder",
    "GRANT EXECUTE ON FUNCTION thin_snapshots(interval, interval, timestamptz) TO recorder",
    "GRANT EXECUTE ON FUNCTION drop_events_recorded_before(interval) TO recorder",
)


def refresh_roles(conninfo: str, passwords: Mapping[str, SecretStr]) -> None:
    """Create the roles or set their passwords, and give them exactly what they need.

    The server gets a SCRAM verifier: no password is in its log or in a statement. Raises
    psycopg.Error.
    """
    with psycopg.connect(conninfo, connect_timeout=5) as connection:
        # Two Jobs at once would both find no role; roles belong to the server, not the database.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('ooda roles'))")
        for role, password in passwords.items():
            _set_password(connection, role, password)
        for role in (RECORDER, READER):
            connection.execute(
                sql.SQL(
                    "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {0};"
                    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {0};"
                    "GRANT USAGE ON SCHEMA public TO {0}"
                ).format(sql.Identifier(role))
            )
        for grant in GRANTS:
            connection.execute(grant)


def _set_password(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: SecretStr
) -> None:
    found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    verifier = connection.pgconn.encrypt_password(
        password.get_secret_value().encode(), role.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(verifier.decode())
        )
    )
