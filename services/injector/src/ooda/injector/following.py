"""A program that follows the journal by the API server alone: the reaper, and fault-agent."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

import structlog

from ooda.common.cluster.api_server import ApiServer
from ooda.common.config_file import ConfigError
from ooda.common.service import ServiceSettings
from ooda.common.service.health import HealthPage, serving
from ooda.common.service.telemetry import log_as_json, metrics_registry

log = structlog.get_logger()

Settings = TypeVar("Settings", bound=ServiceSettings)


class Follower(Protocol):
    """What follows the journal."""

    def ready(self) -> bool:
        """Say whether the journal is followed."""
        ...

    async def run(self) -> None:
        """Follow it, for ever."""
        ...


def follow(
    name: str,
    kind: type[Settings],
    make: Callable[[ApiServer, Settings], Follower],
    *told: str,
) -> None:
    """Run until told to stop; the exit code says whether that was as it should be.

    ``told`` are the settings that are logged at the start.
    """
    try:
        settings = kind.load()
    except ConfigError as error:
        log_as_json("info", name)
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - the sentence is the whole story
        sys.exit(1)
    log_as_json(settings.log_level, name)
    sys.exit(asyncio.run(_serve(settings, make, told)))


async def _serve(
    settings: Settings, make: Callable[[ApiServer, Settings], Follower], told: tuple[str, ...]
) -> int:
    async with ApiServer.connect(settings.cluster) as api, AsyncExitStack() as stack:
        follower = make(api, settings)
        page = HealthPage(follower.ready, metrics_registry())
        await stack.enter_async_context(serving(page, settings.health_port))
        running = asyncio.create_task(follower.run())
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, running.cancel)
        log.info("running", **{each: getattr(settings, each) for each in told})
        try:
            await running
        except asyncio.CancelledError:
            log.info("stopped")
            return 0
        except Exception:
            log.exception("cannot go on")
        return 1
