"""Run fault-agent: one for each node of the pinned cluster, with what its namespaces need.

It watches the journal with an account of its own, which may read and write that and nothing else.
"""

from pydantic import Field

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.service import ServiceSettings
from ooda.injector.following import follow
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.sandboxes import FencedSandboxes, SandboxProcesses
from ooda.injector.node.workers import Workers


class FaultAgentSettings(ServiceSettings):
    """From the environment: ``namespace`` is that of the journal, not its own."""

    node: str = Field(min_length=1)
    """The name of the node that it is on."""


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    follow("fault-agent", FaultAgentSettings, _agent, "node", "namespace")


def _agent(api: ApiServer, settings: FaultAgentSettings) -> FaultAgent:
    hands = NodeHands(FencedSandboxes(SandboxProcesses()), Workers())
    return FaultAgent(api, settings.namespace, settings.node, hands, SystemClock())


if __name__ == "__main__":
    main()
