"""A Role is trimmed: a person is asked with the exact way back, and nobody harmed is nothing."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from servers.command_line import Ooda
from servers.control_plane import ControlPlane
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.paper_logs import READS
from servers.story import WORKLOAD, Story
from servers.trail import Database
from servers.waiting import until
from servers.yard import Yard, workload

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

RBAC = "rbac.authorization.k8s.io"
GET = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}


class Reading(Story):
    """A workload whose pods read a ConfigMap as their own service account."""

    async def grant(self, name: str, *rules: dict[str, Any]) -> None:
        """Have a Role of these rules, bound to the account."""
        await self._apply(f"{RBAC}/v1", "Role", name, rules=list(rules))
        await self._apply(
            f"{RBAC}/v1", "RoleBinding", name,
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": "reader", "namespace": self.namespace}],
        )  # fmt: skip

    async def share(self, role: str, account: str) -> None:
        """Have the Role bound to another account too, as which another workload reads the same."""
        await self._apply(
            f"{RBAC}/v1", "RoleBinding", account,
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": role},
            subjects=[{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}],
        )  # fmt: skip
        made = workload("Deployment", account, replicas=1)
        template = made["spec"]["template"]
        template["metadata"]["annotations"] = {READS: "configmaps/prices"}
        template["spec"]["serviceAccountName"] = account
        await self._apply("v1", "ServiceAccount", account)
        await Yard(self).make(made)

    async def known(self, *rules: dict[str, Any], of: str = "reader") -> None:
        """Wait until these rules are known to be good."""

        async def remembered() -> bool:
            read = ("-n", self.namespace, "get", "knowngood", "catalog", "-o", "json")
            spec = json.loads(await self.kubectl(*read))["spec"]
            good = spec.get("serviceAccounts", {}).get(of, {}).get("roles", {})
            return list(rules) in good.values()

        await until(remembered, 40)

    async def begin(self) -> None:
        """Have it healthy, with a Role that it needs."""
        await super().begin()
        await self._apply("v1", "ConfigMap", "prices", data={"tea": "3"})
        await self.grant("reader", GET, LIST)
        reads = {"spec": {"template": {"metadata": {"annotations": {READS: "configmaps/prices"}}}}}
        await self.kubectl(
            "-n", self.namespace, "patch", "deploy", WORKLOAD, "-p", json.dumps(reads)
        )
        await self.known(GET, LIST)

    async def _apply(self, version: str, kind: str, name: str, **more: Any) -> None:
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": version, "kind": kind, "metadata": meta} | more
        await self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def flags(self) -> list[str]:
        """Return what was flagged."""
        return [each["signal"] for each in self.heard if each["subject"] == "anomaly.flagged"]


@pytest_asyncio.fixture(loop_scope="package")
async def reading(
    plane: ControlPlane, bus: LoopBus, services: Loop, database: Database
) -> AsyncIterator[Reading]:
    made = Reading(plane, bus, services, database, f"shop-{uuid.uuid4().hex[:6]}", "reader")
    await made.begin()
    yield made
    await made.end()


async def test_a_trimmed_role_is_asked_about_with_its_diff_and_closed_when_it_is_back(
    reading: Reading, tmp_path: Path, bus: LoopBus, database: Database
) -> None:
    await reading.grant("reader", LIST)
    flagged = await reading.said("anomaly.flagged")
    assert flagged["signal"] == "access_denied", flagged["summary"]
    account = {"kind": "service_account", "namespace": reading.namespace, "name": "reader"}
    assert flagged["target"] == account

    ready = await reading.said("diagnosis.ready")
    assert (ready["failure_class"], ready["component"]) == ("permission_revoked", account)
    assert ready["confidence"] >= 0.9
    assert {"logs", "recent_change"} <= set(ready["agreeing"])
    assert ready["change"]["fields"] == ["role/reader"]

    asked = await reading.said("review.requested")
    assert asked["proposal"] is None
    assert f"- {json.dumps(GET)}" in asked["instructions"]
    ooda = Ooda(tmp_path).with_bus(bus).with_audit(database)
    shown = await _shown(ooda, asked["review_id"])
    assert f"- {json.dumps(GET)}" in shown
    assert not [each for each in reading.heard if each["subject"].startswith("action.")]

    # What it says is what a person does.
    command = asked["instructions"].partition("kubectl apply -f - <<'END'\n")[2]
    await reading.kubectl("apply", "-f", "-", stdin=command.partition("\nEND")[0])
    closed = await reading.said("incident.closed")
    assert closed["closure"] == "handed_over", closed["summary"]
    live = await reading.kubectl("-n", reading.namespace, "get", "role", "reader", "-o", "json")
    assert json.loads(live)["rules"] == [GET, LIST]


async def _shown(ooda: Ooda, review_id: str) -> str:
    """Return what a person is shown, as soon as the recorder has the question."""
    shown: list[str] = []

    async def there() -> bool:
        done = await asyncio.to_thread(ooda.process, "review", "show", review_id)
        shown[:] = [done.stdout]
        return done.returncode == 0

    await until(there, 30)
    return shown[0]


@pytest.mark.parametrize(
    ("kind", "change"),
    [("role", {"rules": []}), ("rolebinding", {"subjects": []})],
    ids=["a-role-emptied", "a-binding-of-nobody"],
)
async def test_what_leaves_no_time_in_the_object_is_known_by_when_it_was_seen(
    reading: Reading, kind: str, change: dict[str, Any]
) -> None:
    patch = ("patch", kind, "reader", "--type=merge", "-p", json.dumps(change))
    await reading.kubectl("-n", reading.namespace, *patch)
    ready = await reading.said("diagnosis.ready")
    assert ready["failure_class"] == "permission_revoked", ready["summary"]
    assert ready["confidence"] >= 0.9
    asked = await reading.said("review.requested")
    assert '"kind": "List"' in asked["instructions"]


async def test_a_role_that_two_accounts_miss_is_one_incident(reading: Reading) -> None:
    await reading.share("reader", "writer")
    await reading.known(GET, LIST, of="writer")
    await reading.grant("reader", LIST)
    yard = Yard(reading)
    flagged = await yard.heard("anomaly.flagged", 2, 30)
    assert {each["target"]["name"] for each in flagged} == {"reader", "writer"}

    def both() -> bool:
        ready = [each for each in reading.heard if each["subject"] == "diagnosis.ready"]
        return len(ready[-1]["anomalies"]) == 2 if ready else False

    await until(both, 30)
    assert len({e["incident_id"] for e in reading.heard if e.get("incident_id")}) == 1, yard.told()
    ready = yard.about("reader", "diagnosis.ready") + yard.about("writer", "diagnosis.ready")
    assert {each["failure_class"] for each in ready} == {"permission_revoked"}, yard.told()
    await reading.grant("reader", GET, LIST)
    await reading.said("incident.closed")


async def test_what_nobody_misses_flags_nothing(reading: Reading) -> None:
    await reading.grant("reader", GET)  # listing pods is what no pod does
    await reading.grant("other", GET | {"verbs": ["get", "watch"]})
    await reading.grant("other", LIST)
    await reading.grant("reader", GET, GET | {"verbs": ["watch"]})
    await reading.grant("equal", GET)
    for kind in ("rolebinding", "role"):
        await reading.kubectl("-n", reading.namespace, "delete", kind, "reader")
    heard = len(reading.heard)

    async def told() -> bool:
        return len(reading.heard) > heard

    with pytest.raises(TimeoutError):
        await until(told, 12)
    assert reading.flags() == []
