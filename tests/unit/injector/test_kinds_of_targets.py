"""What faults plan for each kind of target, and which of them do not fit it."""

from collections.abc import Mapping
from typing import Any

import pytest

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, LeftOverStep
from ooda.injector.faults.policies import NetworkPartition
from ooda.injector.faults.scene import Fault, NotApplicableError, Scene
from ooda.injector.faults.state import Replicas, ServicePort
from ooda.injector.faults.template import Command, Image, NodeSelector

HERE = "fault-injection-shop"
TAG = {"tag": "0"}


def target(kind: Kind, name: str = "db", **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "example/db:1"}]},
    }
    asks: dict[str, Any] = {} if kind is Kind.DAEMON_SET else {"replicas": 3}
    asks |= {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "kind": kind.value,
        "metadata": {
            "name": name,
            "namespace": HERE,
            "uid": f"{kind}-{name}",
            "resourceVersion": "1",
        },
        "spec": asks | spec,
        "status": {"updateRevision": f"{name}-1"},
    }


def scene(kind: Kind, objects: Mapping[Kind, Any] | None = None, **spec: Any) -> Scene:
    return Scene(target(kind, **spec), objects or {})


@pytest.mark.parametrize("kind", [Kind.DEPLOYMENT, Kind.DAEMON_SET])
def test_a_template_is_changed_of_each_kind(kind: Kind) -> None:
    (changed,) = Image().plan(scene(kind), TAG)
    assert isinstance(changed, ChangeStep)
    assert changed.object.kind == kind


def test_of_a_stateful_set_what_waits_for_a_pod_is_freed_last() -> None:
    first, changed = Command().plan(scene(Kind.STATEFUL_SET), {})
    assert first == LeftOverStep(object=changed.object, before="db-1")
    assert isinstance(changed, ChangeStep)


def rolling(**more: Any) -> dict[str, Any]:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": more}}


@pytest.mark.parametrize(
    "spec", [rolling(partition=2), rolling(partition=4) | {"ordinals": {"start": 2}}, rolling()]
)
def test_one_pod_that_follows_its_template_is_enough(spec: Mapping[str, Any]) -> None:
    assert Image().plan(scene(Kind.STATEFUL_SET, **spec), TAG)


ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
CLAIMS = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}


@pytest.mark.parametrize(
    ("fault", "kind", "spec", "said"),
    [
        (Image(), Kind.STATEFUL_SET, ON_DELETE, "updateStrategy OnDelete"),
        (Image(), Kind.DAEMON_SET, ON_DELETE, "updateStrategy OnDelete"),
        (Image(), Kind.STATEFUL_SET, rolling(partition=3), "partition 3"),
        (NodeSelector(), Kind.DAEMON_SET, {}, "a DaemonSet wants no pod"),
        (Replicas(), Kind.DAEMON_SET, {}, "no number of replicas"),
        (Replicas(), Kind.STATEFUL_SET, CLAIMS, "its volume claims would be deleted"),
    ],
)
def test_what_does_not_fit_a_kind_says_so(
    fault: Fault, kind: Kind, spec: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(NotApplicableError, match=said):
        fault.plan(scene(kind, **spec), {"tag": "0", "pool": "large", "replicas": "0"})


def test_a_stateful_set_has_fewer_replicas() -> None:
    (changed,) = Replicas().plan(scene(Kind.STATEFUL_SET), {"replicas": "1"})
    assert isinstance(changed, ChangeStep)
    assert (changed.object.kind, changed.changes[0].before) == (Kind.STATEFUL_SET, 3)


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 5432, "targetPort": 5432}]
    head = {"metadata": {"name": name, "namespace": HERE, "uid": name, "resourceVersion": "1"}}
    return head | {"spec": {"selector": {"app": "db"}, "ports": ports} | spec}


def test_a_service_without_an_address_leads_nobody_astray() -> None:
    headless = service("db-headless", clusterIP="None")
    found = scene(
        Kind.STATEFUL_SET, {Kind.SERVICE: [headless, service("db", clusterIP="10.0.0.1")]}
    )
    (changed,) = ServicePort().plan(found, {"port": "9"})
    assert changed.object.name == "db"
    with pytest.raises(NotApplicableError, match="address of its own"):
        ServicePort().plan(scene(Kind.STATEFUL_SET, {Kind.SERVICE: [headless]}), {"port": "9"})


def running(app: str, address: str) -> dict[str, Any]:
    meta = {"name": f"{app}-0", "namespace": HERE, "uid": f"{app}-0", "resourceVersion": "1"}
    return {
        "metadata": {**meta, "labels": {"app": app}},
        "spec": {"nodeName": "worker-1"},
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    }


@pytest.mark.parametrize("kind", [Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET])
def test_a_client_is_of_any_kind(kind: Kind) -> None:
    found: dict[Kind, list[Any]] = {
        Kind.NETWORK_POLICY: [],
        Kind.SERVICE: [],
        Kind.POD: [running("db", "10.0.1.1"), running("worker", "10.0.1.9")],
        Kind.DEPLOYMENT: [],
        Kind.STATEFUL_SET: [target(Kind.STATEFUL_SET)],
        Kind.DAEMON_SET: [],
    }
    found[kind].append(target(kind, "worker"))
    assert NetworkPartition().plan(scene(Kind.STATEFUL_SET, found), {"client": "worker"})
    with pytest.raises(NotApplicableError, match="client db is no other Deployment, Stateful"):
        NetworkPartition().plan(scene(Kind.STATEFUL_SET, found), {"client": "db"})


def test_a_client_that_could_be_either_is_none() -> None:
    both = {kind: [target(kind, "worker")] for kind in (Kind.DEPLOYMENT, Kind.DAEMON_SET)}
    found = scene(Kind.STATEFUL_SET, {Kind.NETWORK_POLICY: [], Kind.STATEFUL_SET: [], **both})
    with pytest.raises(NotApplicableError, match="Deployment/worker, DaemonSet/worker"):
        NetworkPartition().plan(found, {"client": "worker"})
