"""Ask the audit database: how far back, with which connection, which one of several."""

import datetime as dt
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer

from ooda.cli.session import NOT_WELL, UNUSABLE, fail, finish, postgres_settings
from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import StatementError, Trail, reading
from ooda.common.clock import SystemClock

Found = TypeVar("Found")

_UNITS = {"m": 60, "h": 3600, "d": 86_400}

SinceOption = Annotated[
    str, typer.Option("--since", "-s", help="How far back: 30m, 12h, 7d; or a time (ISO 8601).")
]
LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]


def moment(since: str) -> dt.datetime:
    """Read how far back; a time without a zone is UTC. Raises BadParameter."""
    try:
        if told := re.fullmatch(r"([0-9]+)([mhd])", since):
            return SystemClock().now() - dt.timedelta(seconds=int(told[1]) * _UNITS[told[2]])
        time = dt.datetime.fromisoformat(since)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{since!r} is neither like 30m, 12h, 7d nor a time like 2026-11-25T12:00"
        ) from None


def ask_audit(question: Callable[[Trail], Awaitable[Found]]) -> Found:
    """Ask the database, or end the program in a sentence."""

    async def ask() -> Found:
        async with reading(audit_url(postgres_settings())) as engine:
            return await question(engine)

    try:
        return finish(ask())
    except StatementError as error:
        fail(str(error), UNUSABLE)


def only_one(found: Sequence[Found], key: str, beginning: str, where: str) -> Found:
    """Return the one whose ``key`` begins so, or end the program."""
    matching = [each for each in found if str(getattr(each, key)).startswith(beginning)]
    if len(matching) != 1:
        problem = "none" if not matching else f"{len(matching)} of them"
        fail(f"{beginning}: there is {problem}; {where} lists them.", NOT_WELL)
    return matching[0]
