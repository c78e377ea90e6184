"""Accounts of a Postgres database: who is let in, and with which password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import sql

_SECONDS = 3
"""In which a session has to be there."""


class DatabaseError(Exception):
    """The database did not do it; the message says why, and holds no password."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who wants a session, and where."""

    address: str
    port: int
    role: str
    password: str


class Database(Protocol):
    """What the injector does with accounts."""

    async def lets_in(self, login: Login) -> bool:
        """Say whether there is a session for this login. Raises DatabaseError: it does not say."""
        ...

    async def set_password(self, admin: Login, role: str, password: str) -> None:
        """Give an account another password. Raises DatabaseError."""
        ...

    async def cut_sessions(self, admin: Login, role: str) -> None:
        """End every session that an account has. Raises DatabaseError."""
        ...


class Postgres:
    """The real one."""

    async def lets_in(self, login: Login) -> bool:
        """See Database."""
        try:
            async with _session(login):
                return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                return False
            raise DatabaseError(f"{login.address}:{login.port} opened no session") from error

    async def set_password(self, admin: Login, role: str, password: str) -> None:
        """See Database. The server is told what it keeps, not the password: it may log it."""
        try:
            async with _session(admin) as session:
                kept = session.pgconn.encrypt_password(
                    password.encode(), role.encode(), b"scram-sha-256"
                ).decode()
                change = sql.SQL("ALTER ROLE {} PASSWORD {}")
                await session.execute(change.format(sql.Identifier(role), sql.Literal(kept)))
        except psycopg.Error as error:
            raise DatabaseError(f"the password of {role} could not be set") from error

    async def cut_sessions(self, admin: Login, role: str) -> None:
        """See Database."""
        try:
            async with _session(admin) as session:
                await session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = %s AND pid <> pg_backend_pid()",
                    (role,),
                )
        except psycopg.Error as error:
            raise DatabaseError(f"the sessions of {role} could not be ended") from error


@asynccontextmanager
async def _session(login: Login) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Have a session, with the database that every server has and every account may see."""
    async with await psycopg.AsyncConnection.connect(
        host=login.address,
        port=login.port,
        user=login.role,
        password=login.password,
        dbname="postgres",
        connect_timeout=_SECONDS,
        autocommit=True,
    ) as session:
        yield session
