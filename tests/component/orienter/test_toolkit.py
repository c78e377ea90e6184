"""Where a model may look with the tools."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from factories.cluster_objects import deployment
from factories.diagnosis import WEIGHTS
from factories.events import NAMESPACE
from factories.orienter import Cluster
from ooda.common.testing import FixedClock
from ooda.orienter.meters import Meters
from ooda.orienter.model.toolkit import Toolkit
from ooda.orienter.prometheus import NoPrometheus
from ooda.orienter.sight import Sight
from ooda.orienter.tools.toolbox import Toolbox

WORKLOAD = {"workload_kind": "Deployment", "name": "checkout", "namespace": NAMESPACE}


@pytest.fixture
def toolkit(cluster: Cluster, clock: FixedClock) -> Toolkit:
    cluster.add(deployment())
    tools = Toolbox(cluster, NoPrometheus(), Sight(), clock, WEIGHTS).tools()
    places = {"namespace": frozenset({NAMESPACE}), "node": frozenset({"worker"})}
    return Toolkit(tools, places, Meters(CollectorRegistry()))


async def test_a_tool_answers_with_what_it_found(toolkit: Toolkit) -> None:
    said = await toolkit.answer("inspect_workload", WORKLOAD)

    assert said.startswith(f"- inspect_workload (object_state) of Deployment {NAMESPACE}/checkout")


async def test_a_suspected_node_may_be_looked_at(toolkit: Toolkit, cluster: Cluster) -> None:
    said = await toolkit.answer("inspect_node", {"node": "worker"})

    assert said.startswith("- inspect_node")
    assert cluster.reads


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no such tool": ("delete_namespace", {"name": "kube-system"}, "There is no such tool."),
    "another namespace": (
        "inspect_workload",
        WORKLOAD | {"namespace": "kube-system"},
        "Not called",
    ),
    "another node": ("inspect_node", {"node": "control-plane"}, "Not called: the incident is in"),
    "nothing": ("inspect_workload", {}, "Not called: not valid: name, namespace, workload_kind."),
    "no name": ("get_pod_logs", {"service": "a/../b", "namespace": NAMESPACE}, "Not called: not"),
}


@pytest.mark.parametrize(("tool", "arguments", "said"), REFUSED.values(), ids=REFUSED)
async def test_nothing_else_is_asked_of_the_cluster(
    toolkit: Toolkit, cluster: Cluster, tool: str, arguments: dict[str, Any], said: str
) -> None:
    before = cluster.reads

    assert (await toolkit.answer(tool, arguments)).startswith(said)
    assert cluster.reads == before


async def test_every_tool_says_where_it_looks(toolkit: Toolkit) -> None:
    assert all({"namespace", "node"} & set(tool.args) for tool in toolkit.tools.values())
