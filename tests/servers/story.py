"""One workload that is healthy, broken by a release, and healed by the loop; and what to check."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import psycopg
from nats.aio.msg import Msg

from ooda.common import topology
from ooda.common.audit.queries import TimelineEntry, reading, timeline
from ooda.common.audit.verification import verify
from ooda.common.topology import Service
from servers.control_plane import ControlPlane
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.trail import Database
from servers.waiting import until

WORKLOAD = "web"
_CONSUMERS = [each.durable for each in topology.CONSUMERS if each.stream is topology.LOOP]
GOOD, BROKEN = "example/web:1", "example/web:broken"

LOOP_OF_ONE_INCIDENT = {
    "anomaly.flagged",
    "diagnosis.started",
    "diagnosis.ready",
    "decision.made",
    "action.started",
    "action.recorded",
    "action.applied",
    "anomaly.cleared",
    "action.executed",
    "incident.closed",
}


@dataclass
class Story:
    """A namespace with one Deployment, and everything that was said about it."""

    plane: ControlPlane
    bus: LoopBus
    services: Loop
    database: Database
    namespace: str
    account: str | None = None
    """The service account that the workload runs as; None: the namespace's own."""
    heard: list[dict[str, Any]] = field(default_factory=list)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def begin(self) -> None:
        """Have the workload healthy and remembered."""
        await self.listen()
        for each in _objects(self.namespace, self.account):
            await self.kubectl("apply", "-f", "-", stdin=json.dumps(each))
        await until(self._remembered, 40)

    async def listen(self) -> None:
        """Hear what is said about the namespace from now on."""
        client, _ = await self._stack.enter_async_context(self.bus.client(Service.CLI))

        async def hear(message: Msg) -> None:
            said = json.loads(message.data)
            if said.get("namespace") == self.namespace:
                self.heard.append(said | {"subject": message.subject, "_payload": message.data})

        for subject in topology.LOOP.subjects:
            await client.subscribe(subject, cb=hear)
        await client.flush()

    async def end(self) -> None:
        """Leave nothing behind."""
        await self._stack.aclose()
        await self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    async def break_it(self) -> None:
        """Roll a release out whose image does not exist."""
        await self.kubectl(
            "-n", self.namespace, "set", "image", f"deploy/{WORKLOAD}", f"app={BROKEN}"
        )

    async def said(self, subject: str, seconds: float = 50) -> dict[str, Any]:
        """Wait until something was said on a subject, and return it."""
        try:
            await until(lambda: any(each["subject"] == subject for each in self.heard), seconds)
        except TimeoutError:
            raise AssertionError(f"no {subject} within {seconds:g} s:\n{self._told()}") from None
        return next(each for each in self.heard if each["subject"] == subject)

    def _told(self) -> str:
        lines = []
        for each in self.heard:
            lines.append(f"{each['occurred_at']} {each['subject']}: {each['summary']}")
            lines += [
                f"    {found['tool']} {found['outcome']}: {found['excerpt'][:120]}"
                for found in each.get("findings", ())
            ]
        return "\n".join(lines)

    async def deployment(self) -> dict[str, Any]:
        """Return the workload as it is."""
        found = await self.kubectl("-n", self.namespace, "get", "deploy", WORKLOAD, "-o", "json")
        thing: dict[str, Any] = json.loads(found)
        return thing

    async def trail(self) -> list[TimelineEntry]:
        """Return the incident's story from the database, once it is closed there."""
        closed = await self.said("incident.closed")

        async def recorded() -> bool:
            return "incident.closed" in {each.subject for each in await self._rows(closed)}

        await until(recorded, 30)
        return await self._rows(closed)

    async def _rows(self, closed: dict[str, Any]) -> list[TimelineEntry]:
        async with reading(self.database.url("reader")) as engine:
            return list(await timeline(engine, closed["incident_id"]))

    async def quiet(self) -> None:
        """Return when every consumer of the loop has handled all that there is."""
        async with self.bus.client(Service.BOOTSTRAP) as (client, _):
            jetstream = client.jetstream()

            async def nothing_left() -> bool:
                found = [await jetstream.consumer_info("LOOP", name) for name in _CONSUMERS]
                return not any(each.num_pending or each.num_ack_pending for each in found)

            await until(nothing_left, 60)

    async def check(self) -> None:
        """Check that nothing was lost, nothing was done twice and nothing without a record."""
        rows = await self.trail()
        told = "\n".join(f"{each.stored_at} {each.subject}: {each.summary}" for each in rows)
        assert {each.subject for each in rows} == LOOP_OF_ONE_INCIDENT, told
        closed = await self.said("incident.closed")
        assert closed["closure"] == "resolved", closed["summary"]
        found = await self.deployment()
        assert found["spec"]["template"]["spec"]["containers"][0]["image"] == GOOD
        # Created, broken, healed: each write to the spec counts one up.
        assert found["metadata"]["generation"] == 3
        assert found["status"]["readyReplicas"] == 2
        self._check_order(rows)
        async with reading(self.database.url("reader")) as engine:
            report = await verify(engine)
        assert report.broken is None

    def _check_order(self, rows: list[TimelineEntry]) -> None:
        ids = [each.event_id for each in rows]
        assert len(ids) == len(set(ids))
        actions = {
            each.body["action_id"]
            for each in rows
            if each.body and each.subject.startswith("action.")
        }
        assert len(actions) == 1
        stored = {each.subject: each.stored_at for each in rows}
        with psycopg.connect(self.database.dsn("reader")) as connection:
            recorded = connection.execute(
                "SELECT recorded_at FROM events WHERE event_id = %s",
                [next(each.event_id for each in rows if each.subject == "action.started")],
            ).fetchone()
        assert recorded is not None
        assert recorded[0] <= stored["action.applied"]

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the admin, without holding anything else up."""
        return await asyncio.to_thread(self.plane.kubectl, *arguments, stdin=stdin)

    async def _remembered(self) -> bool:
        try:
            found = await self.kubectl(
                "-n", self.namespace, "get", "knowngood", "catalog", "-o", "json"
            )
        except Exception:  # noqa: BLE001 - kubectl's way to say that it is not there yet
            return False
        return f"Deployment/{WORKLOAD}" in json.loads(found)["spec"].get("workloads", {})


def _objects(namespace: str, account: str | None) -> list[dict[str, Any]]:
    labels = {"app": WORKLOAD}
    limits = {"limits": {"memory": "64Mi"}}
    container = {"name": "app", "image": GOOD, "resources": limits}
    spec = {"containers": [container]} | ({"serviceAccountName": account} if account else {})
    template = {"metadata": {"labels": labels}, "spec": spec}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"ooda.dev/mode": "auto"}},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": WORKLOAD, "namespace": namespace},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        },
    ]
