"""Kubernetes Events on a real API server: about the object, once, and never a flood."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from factories.events import make
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.remarking import Remarking
from ooda.common.events import ActionExecuted, ReviewRequested
from ooda.common.settings import ClusterSettings
from ooda.common.targets import WorkloadTarget
from ooda.common.testing.bus import MemoryBus
from servers.control_plane import ControlPlane
from servers.processes import free_port
from servers.waiting import until


@pytest.fixture
def web(plane: ControlPlane) -> WorkloadTarget:
    namespace = f"said-{uuid.uuid4().hex[:6]}"
    plane.kubectl("create", "namespace", namespace)
    plane.kubectl("-n", namespace, "create", "deployment", "web", "--image=example/web:1")
    return WorkloadTarget(namespace=namespace, workload_kind="Deployment", name="web")


@asynccontextmanager
async def remarking(api: Any, bus: MemoryBus) -> AsyncIterator[Remarking]:
    made = Remarking(bus, api, SystemClock(), "decider", "decider-0")
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def asked(web: WorkloadTarget, number: int) -> ReviewRequested:
    return make(ReviewRequested, event_id=f"{web}-{number}", component=web, namespace=web.namespace)


def ended(web: WorkloadTarget) -> ActionExecuted:
    return make(ActionExecuted, event_id=f"{web}-end", target=web, namespace=web.namespace)


async def ours(plane: ControlPlane, web: WorkloadTarget) -> list[dict[str, Any]]:
    listed = await asyncio.to_thread(
        plane.kubectl, "-n", web.namespace, "get", "events.events.k8s.io", "-o", "json"
    )
    return [
        each
        for each in json.loads(listed)["items"]
        if each.get("reportingController", "").startswith("ooda.dev/")
    ]


async def test_it_is_said_once_and_kubectl_shows_it(
    plane: ControlPlane, web: WorkloadTarget
) -> None:
    settings = ClusterSettings(kubeconfig=plane.kubeconfig("remarking"))
    async with ApiServer.connect(settings) as api:
        for _ in range(2):  # a successor publishes again what it does not know to be published
            async with remarking(api, MemoryBus()) as made:
                for number in [1, 1, *range(2, 40)]:
                    await made.publish(asked(web, number))
                await made.publish(ended(web))

                async def told() -> bool:
                    found = {each["reason"] for each in await ours(plane, web)}
                    return found == {"ReviewRequested", "RemediationEnded"}

                await until(told, 15)
    found = await ours(plane, web)
    assert len(found) == 2
    described = await asyncio.to_thread(
        plane.kubectl, "-n", web.namespace, "describe", "deployment", "web"
    )
    assert "What is to be done?" in described
    assert "ooda review show" in described


async def test_an_api_server_that_is_away_or_refuses_holds_nothing_up(
    plane: ControlPlane, web: WorkloadTarget
) -> None:
    away = plane.kubeconfig("remarking-away", server=f"https://127.0.0.1:{free_port()}")
    async with ApiServer.connect(ClusterSettings(kubeconfig=away)) as api:
        bus = MemoryBus()
        async with remarking(api, bus) as made:
            async with asyncio.timeout(2):
                for number in range(300):
                    await made.publish(asked(web, number))
            assert len(bus.published) == 300
