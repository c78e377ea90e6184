"""Find out whether everything we depend on can be reached, and if not, what is to be done.

All servers are asked at once, each within the same deadline, so that the whole takes no
longer than one of them may.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ooda.common.bus.connection import NatsFacts, ask_nats
from ooda.common.cluster.connection import ClusterFacts, ask_cluster
from ooda.common.config_file import config_path
from ooda.common.database import PostgresFacts, ask_postgres
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, PostgresSettings, Settings

Facts = NatsFacts | PostgresFacts | ClusterFacts
Section = TypeVar("Section", NatsSettings, PostgresSettings)


@dataclass(frozen=True, slots=True)
class Reached:
    """The server answered; ``facts`` is what it said about itself."""

    server: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class NotReached:
    """The server cannot be used; ``reason`` is one sentence that says what to do."""

    server: str
    reason: str


Reachability = Reached | NotReached


async def check_all(settings: Settings, timeout: float) -> tuple[Reachability, ...]:  # noqa: ASYNC109 - a deadline for each of several, not one around the call
    """Ask NATS, Postgres and the API server, each for at most ``timeout`` seconds.

    The order of the results is always the same. Raises nothing: what fails is a result.
    """

    async def bus() -> Facts:
        return await ask_nats(_given("nats", settings.nats), timeout)

    async def database() -> Facts:
        return await ask_postgres(_given("postgres", settings.postgres))

    async def cluster() -> Facts:
        return await ask_cluster(settings.cluster)

    return tuple(
        await asyncio.gather(
            _within(timeout, "nats", bus),
            _within(timeout, "postgres", database),
            _within(timeout, "kubernetes", cluster),
        )
    )


def _given(name: str, section: Section | None) -> Section:
    if section is None:
        raise UnreachableError(
            f"Not configured: run `make platform`, which writes {config_path()}, or set "
            f"OODA_{name.upper()}__URL."
        )
    return section


async def _within(seconds: float, server: str, ask: Callable[[], Awaitable[Facts]]) -> Reachability:
    try:
        async with asyncio.timeout(seconds):
            return Reached(server, await ask())
    except UnreachableError as error:
        return NotReached(server, str(error))
    except TimeoutError:
        return NotReached(
            server,
            f"No answer within {seconds:g} s: something accepts the connection or drops it "
            "without a word; check what listens there, a firewall, or allow it more time.",
        )
