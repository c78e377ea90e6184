"""Run the reaper: it ends what an injector has left behind. It needs the API server alone.

It watches the journal with an account of its own, and can do nothing but take back what is written
there. Two of them at once are no harm: every write is guarded by what was read.
"""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import structlog

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.config_file import ConfigError
from ooda.common.service import ServiceSettings
from ooda.common.service.health import HealthPage, serving
from ooda.common.service.telemetry import log_as_json, metrics_registry
from ooda.injector.core import machine
from ooda.injector.driver import Driver

log = structlog.get_logger()


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    try:
        settings = ServiceSettings.load()
    except ConfigError as error:
        log_as_json("info", "reaper")
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - the sentence is the whole story
        sys.exit(1)
    log_as_json(settings.log_level, "reaper")
    sys.exit(asyncio.run(_reap(settings)))


async def _reap(settings: ServiceSettings) -> int:
    async with ApiServer.connect(settings.cluster) as api, AsyncExitStack() as stack:
        driver = Driver(api, settings.namespace, SystemClock(), machine.REAPER)
        page = HealthPage(driver.ready, metrics_registry())
        await stack.enter_async_context(serving(page, settings.health_port))
        reaping = asyncio.create_task(driver.run())
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, reaping.cancel)
        log.info("running", namespace=settings.namespace)
        try:
            await reaping
        except asyncio.CancelledError:
            log.info("stopped")
            return 0
        except Exception:
            log.exception("cannot go on")
        return 1


if __name__ == "__main__":
    main()
