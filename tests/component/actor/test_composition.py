from typing import TYPE_CHECKING, cast

import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from factories.actions import record
from fakes.actor_cluster import ActorCluster
from ooda.actor.app import compose
from ooda.actor.core.record import ActionRecord, State
from ooda.actor.settings import ActorSettings
from ooda.common.clock import SystemClock
from ooda.common.service import Context
from ooda.common.testing.bus import MemoryBus
from ooda.common.topology import ACTIONS, ACTOR, ACTOR_TELEMETRY

if TYPE_CHECKING:
    from ooda.common.cluster.api_server import ApiServer


async def test_is_put_together_with_what_the_bucket_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OODA_NODE_NAME", "node-1")
    bus = MemoryBus()
    await bus.bucket(ACTIONS, ActionRecord).put("one", record(State.VERIFYING), None)
    context = Context(
        settings=ActorSettings(),
        cluster_id="a-cluster",
        clock=SystemClock(),
        bus=lambda _: bus,
        api=cast("ApiServer", ActorCluster()),
        tracer=NoOpTracer(),
        metrics=CollectorRegistry(),
    )
    app = await compose(context)
    assert [each.consumer for each in app.consumers] == [ACTOR, ACTOR_TELEMETRY]
    assert app.status() == {"verifying": "1"}
    assert context.settings.node_name == "node-1"
    assert len(app.tasks) == 2
    assert context.metrics.get_sample_value("ooda_actor_actions_in_flight") == 1
