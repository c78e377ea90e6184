"""The composition root, and the tools as a model would be given them."""

import asyncio
import contextlib
from typing import Any, cast

import pytest
import yaml
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from factories.cluster_objects import event
from factories.diagnosis import CHECKOUT, WEIGHTS, anomaly, anomaly_flagged
from factories.events import NAMESPACE, make
from factories.orienter import Cluster, Orienter, snapshot
from ooda.common import topology
from ooda.common.bus.interface import PoisonError
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionStarted, DiagnosisReady, DiagnosisStarted
from ooda.common.service import Consumption, Context
from ooda.common.taxonomy import Signal
from ooda.common.testing import FixedClock, MemoryBus, delivery
from ooda.orienter.app import compose
from ooda.orienter.core.weights import Weights
from ooda.orienter.prometheus import NoPrometheus
from ooda.orienter.settings import OrienterSettings
from ooda.orienter.sight import Sight
from ooda.orienter.tools.toolbox import Toolbox


@pytest.fixture
def context(bus: MemoryBus, cluster: Cluster, clock: FixedClock) -> Context:
    return Context(
        settings=OrienterSettings(),
        cluster_id="cluster",
        clock=clock,
        bus=lambda _: bus,
        api=cast("Any", cluster),
        tracer=NoOpTracer(),
        metrics=CollectorRegistry(),
    )


async def test_it_consumes_what_the_topology_gives_it_and_publishes_what_it_may(
    context: Context, bus: MemoryBus
) -> None:
    app = await compose(context)
    handlers = {
        each.consumer: each.handler for each in app.consumers if isinstance(each, Consumption)
    }
    assert set(handlers) == {topology.ORIENTER, topology.ORIENTER_TELEMETRY}
    (work,) = app.tasks
    running = asyncio.ensure_future(work())

    await handlers[topology.ORIENTER_TELEMETRY](delivery(snapshot()))
    await handlers[topology.ORIENTER](delivery(anomaly_flagged(anomaly(Signal.CRASH_LOOP))))
    assert app.status() == {"incidents open": "1", "diagnoses pending": "1"}
    async with asyncio.timeout(10):
        while len(bus.published) < 2:
            bus.said.clear()
            await bus.said.wait()

    assert {type(each) for each in bus.published} == {DiagnosisStarted, DiagnosisReady}
    assert {DiagnosisStarted, DiagnosisReady} == set(topology.PUBLISHES[topology.Service.ORIENTER])
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_an_event_of_others_is_poison(orienter: Orienter) -> None:
    with pytest.raises(PoisonError):
        await orienter.hear(make(ActionStarted))


async def test_it_never_writes_to_the_cluster(orienter: Orienter, cluster: Cluster) -> None:
    await orienter.hear(anomaly_flagged(anomaly(Signal.CRASH_LOOP)))
    await orienter.ready()

    assert cluster.writes == []


@pytest.fixture
def toolbox(cluster: Cluster, clock: FixedClock) -> Toolbox:
    return Toolbox(cluster, NoPrometheus(), Sight(), clock, WEIGHTS)


def test_every_tool_has_typed_arguments_and_says_what_it_is_for(toolbox: Toolbox) -> None:
    tools = toolbox.tools()

    assert {name: set(tool.args) for name, tool in tools.items()} == {
        "inspect_workload": {"workload_kind", "name", "namespace", "lost_pod"},
        "get_pod_logs": {"service", "namespace"},
        "describe_pod_events": {"pod_name", "namespace"},
        "check_service_endpoints": {"service", "namespace"},
        "query_error_rate": {"service", "namespace", "window_seconds"},
        "check_memory": {"workload_kind", "name", "namespace"},
        "recent_changes": {"workload_kind", "name", "namespace"},
        "recent_service_changes": {"service", "namespace"},
        "inspect_job": {"workload_kind", "name", "namespace"},
        "inspect_pod": {"pod_name", "namespace"},
        "inspect_node": {"node"},
        "inspect_pods_of_node": {"node"},
        "describe_node_events": {"node"},
        "query_node_scrapes": {"node"},
        "recent_access_changes": {"account", "namespace", "since"},
        "check_permissions": {"account", "namespace"},
        "get_account_logs": {"account", "namespace", "since"},
    }
    assert all(tool.description for tool in tools.values())


@pytest.mark.parametrize(
    "name", ["../secrets/x", "a b", "A", "", "x" * 300, '"} or vector(1)', "a/../b"]
)
async def test_what_is_no_name_is_not_asked_for(
    toolbox: Toolbox, cluster: Cluster, name: str
) -> None:
    for tool, asked in (
        ("get_pod_logs", {"service": name, "namespace": NAMESPACE}),
        ("describe_pod_events", {"pod_name": name, "namespace": NAMESPACE}),
        ("query_error_rate", {"service": "checkout", "namespace": name}),
    ):
        with pytest.raises(ValidationError):
            await toolbox.tools()[tool].ainvoke(asked)
    assert cluster.reads == 0


async def test_what_the_agent_itself_says_of_a_pod_is_no_evidence(
    toolbox: Toolbox, cluster: Cluster
) -> None:
    said = event("BackOff", "Back-off restarting", about="Pod/checkout-1")
    nothing = await toolbox.describe_pod_events("checkout-1", NAMESPACE)
    cluster.put(Kind.EVENT, {**said, "reportingController": "ooda.dev/decider"})
    found = await toolbox.describe_pod_events("checkout-1", NAMESPACE)
    cluster.put(Kind.EVENT, {**said, "reportingController": "kubelet"})
    of_others = await toolbox.describe_pod_events("checkout-1", NAMESPACE)
    assert found == nothing
    assert "Back-off" in of_others.excerpt
    assert of_others != nothing


async def test_what_is_not_there_is_no_opinion(toolbox: Toolbox) -> None:
    asked = {"workload_kind": "Deployment", "name": CHECKOUT.name, "namespace": NAMESPACE}

    for tool in ("inspect_workload", "recent_changes"):
        assert (await toolbox.tools()[tool].ainvoke(asked)).outcome == "nothing"


def broken(**given: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(WEIGHTS.model_dump_json())) | given


BROKEN = {
    "a sign without a weight": broken(signs={}),
    "a class that is not known": broken(suggests={"image_pull": ["no_such_class"]}),
    "a calibration that falls": broken(calibration=[[0, 1], [1, 0]]),
    "a calibration with a gap": broken(calibration=[[0, 0], [0.9, 1]]),
    "a reward for what was tried": broken(tried=1.0),
    "a number that is none of ours": broken(no_such_number=1.0),
}


@pytest.mark.parametrize("given", BROKEN.values(), ids=BROKEN)
def test_weights_that_are_not_complete_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Weights.model_validate(given)


def test_the_weights_are_what_they_say() -> None:
    assert Weights.model_validate(broken()) == WEIGHTS
    assert WEIGHTS.calibrate(0.42) == pytest.approx(0.42)
