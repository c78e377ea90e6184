"""A node falls silent: it is cordoned, alone or on a person's word, on a real API server."""

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from ooda.common.modes import MODE_LABEL
from ooda.common.taxonomy import Mode
from ooda.common.topology import Service
from servers.agent_rights import CORDON
from servers.control_plane import ControlPlane
from servers.loop_bus import LoopBus
from servers.person import Person
from servers.story import Story
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(200)]

LEASES = "kube-node-lease"


class Nodes:
    """Two nodes that renew their Leases, until one of them is told to stop."""

    def __init__(self, plane: ControlPlane, mode: Mode) -> None:
        self._plane, self.mode = plane, mode
        self.lost, self.other = (f"{each}-{uuid.uuid4().hex[:6]}" for each in ("lost", "other"))
        self.beating = {self.lost, self.other}
        self.stopped_at: dt.datetime | None = None

    async def make(self) -> None:
        """Have them, ready, and known by their Leases."""
        labels = {MODE_LABEL: self.mode}
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        for name in (self.lost, self.other):
            await self._apply("v1", "Node", {"name": name, "labels": labels})
            await self.kubectl(
                "patch", "node", name, "--subresource=status", "--type=merge",
                "-p", json.dumps(ready),
            )  # fmt: skip

    async def beat(self) -> None:
        """Renew every five seconds, for ever."""
        while True:
            for name in sorted(self.beating):
                await self._apply(
                    "coordination.k8s.io/v1",
                    "Lease",
                    {"name": name, "namespace": LEASES},
                    spec={"renewTime": _now().isoformat(timespec="microseconds")},
                )
            await asyncio.sleep(5)

    def stop(self) -> None:
        """Let one node fall silent."""
        self.beating.discard(self.lost)
        self.stopped_at = _now()

    async def spec(self, name: str) -> Any:
        """Return the spec of a node."""
        return json.loads(await self.kubectl("get", "node", name, "-o", "json"))["spec"]

    async def _apply(self, version: str, kind: str, meta: dict[str, Any], **more: Any) -> None:
        body = {"apiVersion": version, "kind": kind, "metadata": meta} | more
        await self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the admin, without holding anything else up."""
        return await asyncio.to_thread(self._plane.kubectl, *arguments, stdin=stdin)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest_asyncio.fixture(loop_scope="package", params=[Mode.AUTO, Mode.PROPOSE])
async def nodes(plane: ControlPlane, request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    made = Nodes(plane, request.param)
    await made.kubectl("apply", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEASES}}))  # fmt: skip
    await made.kubectl("apply", "-f", str(CORDON / "rbac.yaml"))
    await made.make()
    task = asyncio.create_task(made.beat())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.kubectl("delete", "-f", str(CORDON / "rbac.yaml"))
    for name in (made.lost, made.other):
        await made.kubectl("delete", "node", name)
        await made.kubectl("-n", LEASES, "delete", "lease", name, "--ignore-not-found")


async def test_a_silent_node_is_cordoned_and_handed_to_a_person(
    story: Story, nodes: Nodes, bus: LoopBus, alice: Person
) -> None:
    heard: list[dict[str, Any]] = []

    async def hear(message: Msg) -> None:
        said = json.loads(message.data)
        if said.get("namespace") is None:
            heard.append(said | {"subject": message.subject})

    async def said(subject: str, seconds: float) -> dict[str, Any]:
        try:
            await until(lambda: any(each["subject"] == subject for each in heard), seconds)
        except TimeoutError:
            told = "\n".join(f"{each['subject']}: {each['summary']}" for each in heard)
            raise AssertionError(f"no {subject} within {seconds:g} s:\n{told}") from None
        return next(each for each in heard if each["subject"] == subject)

    async with bus.client(Service.CLI) as (client, _):
        for subject in ("anomaly.>", "action.>", "review.requested", "incident.>"):
            await client.subscribe(subject, cb=hear)
        await client.flush()
        # A pod of the node, which the node controller would say is not ready after its time.
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "on-it", "namespace": story.namespace},
            "spec": {
                "nodeName": nodes.lost,
                "containers": [{"name": "app", "image": "example/web:1", "command": ["false"]}],
            },
        }
        await story.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        await asyncio.sleep(12)  # the observer has to have heard the node
        nodes.stop()
        flagged = await said("anomaly.flagged", 40)
        assert (flagged["signal"], flagged["target"]["name"]) == ("node_silent", nodes.lost)
        since = dt.datetime.fromisoformat(flagged["since"])
        assert (dt.datetime.fromisoformat(flagged["occurred_at"]) - since).total_seconds() <= 26
        if nodes.mode is Mode.PROPOSE:
            proposed = await said("review.requested", 30)
            assert "unschedulable" not in await nodes.spec(nodes.lost)
            assert (await alice.approve(proposed["review_id"]))["settlement"] == "acting"
            heard.remove(proposed)
        applied = await said("action.applied", 30)
        assert applied["summary"] == f"Node {nodes.lost} was cordoned."
        assert (await nodes.spec(nodes.lost))["unschedulable"] is True
        assert "unschedulable" not in await nodes.spec(nodes.other)
        review = await said("review.requested", 30)
        assert "repair the node and uncordon it" in review["reason"]
        nodes.beating.add(nodes.lost)
        closed = await said("incident.closed", 30)
        assert closed["closure"] == "handed_over"
