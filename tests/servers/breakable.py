"""A namespace on a control plane in which things may be broken, and an injector's parts for it."""

import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fakes.databases import PaperDatabase
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.events import FaultRequested
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import FaultRun, Phase
from ooda.common.settings import ClusterSettings
from ooda.injector.admission import Admission
from ooda.injector.core.fence import Limits, Refusal
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.workloads import TARGETS, settled, with_kind
from ooda.injector.credentials import SEALED
from ooda.injector.journal import Journal
from ooda.injector.library import load_scenarios
from ooda.injector.probes.outside import OUTSIDE, Outside
from servers.control_plane import ControlPlane
from servers.paper_memory import NEEDS
from servers.waiting import until

TARGET, CLIENT = "cart", "web"
DATABASE, AGENT = "orders-db", "agent"
PASSWORDS = {"orders": "of-the-orders", "postgres": "of-the-administrator"}
"""By account of the database that the target uses."""
KINDS = (
    *TARGETS,
    Kind.SERVICE,
    Kind.CONFIG_MAP,
    Kind.SECRET,
    Kind.ROLE,
    Kind.NETWORK_POLICY,
    Kind.RESOURCE_QUOTA,
)


def workload(name: str, kind: Kind = Kind.DEPLOYMENT, **container: Any) -> dict[str, Any]:
    labels = {"app": name}
    first = {"name": "app", "image": f"example/{name}:1", **container}
    return {
        "apiVersion": "apps/v1",
        "kind": kind.value,
        "metadata": {"name": name, "labels": labels | {"tier": "shop"}},
        "spec": {
            **({} if kind is Kind.DAEMON_SET else {"replicas": 2}),
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": name, "containers": [first]},
            },
        },
    }


def things() -> list[dict[str, Any]]:
    """Return what is to be broken; the target is killed with less memory than it needs."""
    config = {"name": "settings", "key": "currency"}
    password = {"name": "orders-db-credentials", "key": "password"}
    target = workload(
        TARGET,
        resources={
            "limits": {"memory": "64Mi", "cpu": "500m"},
            "requests": {"memory": "32Mi", "cpu": "50m"},
        },
        readinessProbe={"httpGet": {"path": "/", "port": 8080}},
        env=[
            {"name": "CURRENCY", "valueFrom": {"configMapKeyRef": config}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": password}},
        ],
    )
    target["spec"]["template"]["metadata"]["annotations"] = {NEEDS: "32Mi"}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": TARGET}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": TARGET}}
    core = {"apiVersion": "v1"}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return [
        target,
        workload(CLIENT),
        core
        | {
            "kind": "Service",
            "metadata": {"name": TARGET},
            "spec": {"selector": {"app": TARGET}, "ports": ports},
        },
        core | {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"currency": "EUR"}},
        core
        | {
            "kind": "Service",
            "metadata": {"name": "orders-db"},
            "spec": {"selector": {"app": "orders-db"}, "ports": [{"port": 5432}]},
        },
        core
        | {
            "kind": "Secret",
            "metadata": {"name": "orders-db-credentials"},
            "stringData": {"username": "orders", "password": PASSWORDS["orders"]},
        },
        core
        | {
            "kind": "Secret",
            "metadata": {"name": "orders-db-admin"},
            "stringData": {"password": PASSWORDS["postgres"]},
        },
        core | {"kind": "ServiceAccount", "metadata": {"name": TARGET}},
        rbac | {"kind": "Role", "rules": [rule]},
        rbac
        | {
            "kind": "RoleBinding",
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": TARGET, "namespace": "NAMESPACE"}],
        },
    ]


def other_kinds() -> list[dict[str, Any]]:
    """Return a StatefulSet, to which a Service leads that is there, and a DaemonSet."""
    config = {"name": "settings", "key": "currency"}
    container = {
        "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
        "env": [{"name": "CURRENCY", "valueFrom": {"configMapKeyRef": config}}],
    }
    database = workload(DATABASE, Kind.STATEFUL_SET, **container)
    database["spec"]["serviceName"] = DATABASE
    made = [database, workload(AGENT, Kind.DAEMON_SET, **container)]
    for each in made:
        each["spec"]["template"]["metadata"]["annotations"] = {NEEDS: "32Mi"}
    return made


@dataclass
class Breakable:
    """One namespace with a target in it, the injector's own one, and what was asked for."""

    plane: ControlPlane
    api: ApiServer
    cluster_id: str
    namespace: str = field(default_factory=lambda: f"fault-injection-{uuid.uuid4().hex[:8]}")
    own: str = field(default_factory=lambda: f"injector-{uuid.uuid4().hex[:8]}")
    limits: Limits = field(default_factory=Limits)
    database: PaperDatabase = field(default_factory=lambda: PaperDatabase(**PASSWORDS))

    def __post_init__(self) -> None:
        self.limits = Limits(self.cluster_id, frozenset({self.namespace}))

    @property
    def outside(self) -> Outside:
        """Return what its runs are looked at with beside the API server."""
        return Outside(OUTSIDE.dial, self.database)

    async def begin(self) -> None:
        """Make the namespaces and all that is in them, and wait until it is healthy."""
        self.plane.kubectl("create", "namespace", self.own)
        sealed = {"metadata": {"name": SEALED, "namespace": self.own}}
        await self.api.create(Kind.SECRET, {"apiVersion": "v1", "kind": "Secret", **sealed})
        self.plane.kubectl("create", "namespace", self.namespace)
        await self.fill()

    async def fill(self) -> None:
        """Make what is to be broken, and wait until it is healthy."""
        await self.make(things())

    async def make(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Make more of that, and wait until all of it is healthy."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
        text = text.replace("NAMESPACE", self.namespace)
        self.plane.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=text)
        await until(self.healthy, 30)

    async def end(self) -> None:
        """Take the namespaces away."""
        self.plane.kubectl("delete", "namespace", self.namespace, self.own, "--wait=false")

    async def healthy(self) -> bool:
        found = [
            with_kind(kind, each)
            for kind in TARGETS
            for each in await self.api.list(kind, self.namespace)
        ]
        return bool(found) and all(map(settled, found))

    async def contents(self) -> Mapping[str, str]:
        """Return what every object of the namespace says."""
        return {
            f"{kind}/{each['metadata']['name']}": fingerprint(each)
            for kind in KINDS
            for each in await self.api.list(kind, self.namespace)
        }

    def asked(self, scenario: str = "image-pull-failure", **given: Any) -> FaultRequested:
        now = SystemClock().now()
        fields: dict[str, Any] = {
            "event_id": str(uuid.uuid4()),
            "summary": f"Asked for {scenario}.",
            "occurred_at": now,
            "cluster_id": self.cluster_id,
            "namespace": self.namespace,
            "run_id": f"run-{uuid.uuid4().hex[:8]}",
            "scenario": scenario,
            "target": TARGET,
            "intensity": None,
            "duration_seconds": 60.0,
            "valid_until": now + dt.timedelta(seconds=30),
        }
        return FaultRequested(**fields | given)

    def admission(self) -> Admission:
        known = load_scenarios()
        return Admission(self.api, self.own, self.limits, known, SystemClock(), self.outside)

    async def planned(self, scenario: str, **given: Any) -> FaultRun:
        """Return the run that would be written down."""
        verdict = await self.admission().admit(self.asked(scenario, **given), 1)
        assert isinstance(verdict, FaultRun), verdict
        return verdict

    async def admitted(self, scenario: str = "image-pull-failure", **given: Any) -> FaultRun:
        """Have a run written down."""
        planned = await self.planned(scenario, **given)
        return (await Journal(self.api, self.own).begin(planned)).run

    async def refused(self, **given: Any) -> Refusal:
        verdict = await self.admission().admit(self.asked(**given), 1)
        assert isinstance(verdict, Refusal), verdict
        return verdict

    async def found(self, run_id: str) -> FaultRun:
        entry = await Journal(self.api, self.own).find(run_id)
        assert entry is not None
        return entry.run

    async def reached(
        self, run: FaultRun, *phases: Phase, within: float = 30, every: float = 0.05
    ) -> FaultRun:
        """Return a run once it is in one of these phases; see `until`. Raises TimeoutError."""

        async def there() -> bool:
            return (await self.found(run.run_id)).phase in phases

        await until(there, within, every=every)
        return await self.found(run.run_id)

    async def abort(self, run: FaultRun) -> None:
        """Have a person end a run."""
        await abort_run(self.api, run.run_id, "alice", SystemClock().now(), namespace=self.own)

    async def leases(self) -> Sequence[str]:
        return [each["metadata"]["name"] for each in await self.api.list(Kind.LEASE, self.own)]

    async def leases_of_runs(self) -> Sequence[str]:
        return [name for name in await self.leases() if name.startswith("run-")]

    async def there(self, kind: Kind, name: str) -> bool:
        try:
            await self.api.get(kind, self.namespace, name)
        except NotFound:
            return False
        return True


@asynccontextmanager
async def something_to_break(plane: ControlPlane) -> AsyncIterator[Breakable]:
    """Have a namespace to break for as long as the block lasts."""
    kubeconfig = plane.kubeconfig("breakable")
    async with ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api:
        made = Breakable(plane, api, await api.identity())
        await made.begin()
        yield made
        await made.end()
