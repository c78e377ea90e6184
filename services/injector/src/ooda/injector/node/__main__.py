"""Run fault-agent: one for each node of the pinned cluster, with what its namespaces need.

It watches the journal with an account of its own, which may read and write that and nothing else.
"""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import structlog
from pydantic import Field

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.config_file import ConfigError
from ooda.common.service import ServiceSettings
from ooda.common.service.health import HealthPage, serving
from ooda.common.service.telemetry import log_as_json, metrics_registry
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.sandboxes import FencedSandboxes, SandboxProcesses

log = structlog.get_logger()


class FaultAgentSettings(ServiceSettings):
    """From the environment: ``namespace`` is that of the journal, not its own."""

    node: str = Field(min_length=1)
    """The name of the node that it is on."""


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    try:
        settings = FaultAgentSettings.load()
    except ConfigError as error:
        log_as_json("info", "fault-agent")
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - the sentence is the whole story
        sys.exit(1)
    log_as_json(settings.log_level, "fault-agent")
    sys.exit(asyncio.run(_serve(settings)))


async def _serve(settings: FaultAgentSettings) -> int:
    async with ApiServer.connect(settings.cluster) as api, AsyncExitStack() as stack:
        hands = NodeHands(FencedSandboxes(SandboxProcesses()))
        agent = FaultAgent(api, settings.namespace, settings.node, hands, SystemClock())
        page = HealthPage(agent.ready, metrics_registry())
        await stack.enter_async_context(serving(page, settings.health_port))
        running = asyncio.create_task(agent.run())
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, running.cancel)
        log.info("running", node=settings.node, namespace=settings.namespace)
        try:
            await running
        except asyncio.CancelledError:
            log.info("stopped")
            return 0
        except Exception:
            log.exception("cannot go on")
        return 1


if __name__ == "__main__":
    main()
