"""One suite for the cluster in memory and for a real API server."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import pytest

from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import (
    ClusterAccounts,
    ClusterReader,
    ClusterWatcher,
    ClusterWriter,
    Conflict,
    Delta,
    NotFound,
    Object,
    Refused,
    Synced,
    Unavailable,
)
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import AccessRule
from ooda.common.settings import ClusterSettings
from ooda.common.testing.cluster import FakeCluster
from servers.waiting import until

if TYPE_CHECKING:
    from servers.control_plane import ControlPlane

NAMESPACE = "default"


class Cluster(ClusterReader, ClusterWriter, ClusterWatcher, ClusterAccounts, Protocol):
    """All that the product asks of a cluster."""


@pytest.fixture(params=["in memory", "real"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "in memory":
        yield FakeCluster()
        return
    plane: ControlPlane = request.getfixturevalue("plane")
    async with ApiServer.connect(ClusterSettings(kubeconfig=plane.kubeconfig("suite"))) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"c-{uuid.uuid4().hex[:8]}"


Run = Callable[[str], Awaitable[None]]


@pytest.fixture
def run(request: pytest.FixtureRequest, cluster: Cluster) -> Run:
    """Do what a kubelet would: the pod runs and is ready."""
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}

    async def run(name: str) -> None:
        if isinstance(cluster, FakeCluster):
            found = await cluster.get(Kind.POD, NAMESPACE, name)
            cluster.put(Kind.POD, dict(found) | {"status": ready})
            return
        plane: ControlPlane = request.getfixturevalue("plane")
        patch = json.dumps({"status": ready})
        plane.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)

    return run


def config_map(name: str, **data: str) -> Object:
    meta = {"name": name, "namespace": NAMESPACE, "labels": {"suite": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def pod(name: str) -> Object:
    meta = {"name": name, "namespace": NAMESPACE, "labels": {"suite": name}}
    spec = {"containers": [{"name": "app", "image": "example"}], "nodeName": "nowhere"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def test_what_was_created_can_be_read(cluster: Cluster, name: str) -> None:
    made = await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    found = await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name)
    assert found["data"] == {"key": "one"}
    assert found["metadata"]["uid"] == made["metadata"]["uid"]


async def test_what_is_not_there_is_not_found(cluster: Cluster, name: str) -> None:
    with pytest.raises(NotFound):
        await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name)
    with pytest.raises(NotFound):
        await cluster.patch(Kind.CONFIG_MAP, NAMESPACE, name, [])
    with pytest.raises(NotFound):
        await cluster.delete(Kind.CONFIG_MAP, NAMESPACE, name, uid="1")


async def test_an_object_that_exists_is_not_created_again(cluster: Cluster, name: str) -> None:
    await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    with pytest.raises(Conflict):
        await cluster.create(Kind.CONFIG_MAP, config_map(name, key="two"))


async def test_list_goes_by_labels_and_fields(cluster: Cluster, name: str) -> None:
    await cluster.create(Kind.CONFIG_MAP, config_map(name))
    await cluster.create(Kind.CONFIG_MAP, config_map(f"{name}-other"))
    by_label = await cluster.list(Kind.CONFIG_MAP, NAMESPACE, labels={"suite": name})
    by_field = await cluster.list(Kind.CONFIG_MAP, None, fields={"metadata.name": name})
    assert [each["metadata"]["name"] for each in by_label] == [name]
    assert [each["metadata"]["name"] for each in by_field] == [name]


async def test_a_patch_whose_tests_hold_is_applied(cluster: Cluster, name: str) -> None:
    made = await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    after = await cluster.patch(
        Kind.CONFIG_MAP,
        NAMESPACE,
        name,
        [
            {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]},
            {"op": "test", "path": "/metadata/annotations", "value": None},
            {"op": "test", "path": "/data/key", "value": "one"},
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": "/metadata/annotations/ooda.dev~1action", "value": "a"},
            {"op": "replace", "path": "/data/key", "value": "two"},
        ],
    )
    assert after["data"] == {"key": "two"}
    assert after["metadata"]["annotations"] == {"ooda.dev/action": "a"}


@pytest.mark.parametrize(
    ("path", "value"),
    [("/metadata/uid", "another"), ("/data/key", "two"), ("/data/none", "x"), ("/data", None)],
)
async def test_a_patch_whose_test_fails_changes_nothing(
    cluster: Cluster, name: str, path: str, value: str | None
) -> None:
    await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    with pytest.raises(Conflict):
        await cluster.patch(
            Kind.CONFIG_MAP,
            NAMESPACE,
            name,
            [
                {"op": "replace", "path": "/data/key", "value": "new"},
                {"op": "test", "path": path, "value": value},
            ],
        )
    assert (await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name))["data"] == {"key": "one"}


async def test_replacing_a_stale_object_is_a_conflict(cluster: Cluster, name: str) -> None:
    read = await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    await cluster.replace(Kind.CONFIG_MAP, dict(read) | {"data": {"key": "two"}})
    with pytest.raises(Conflict):
        await cluster.replace(Kind.CONFIG_MAP, dict(read) | {"data": {"key": "three"}})


async def test_only_the_object_that_is_meant_is_deleted(cluster: Cluster, name: str) -> None:
    made = await cluster.create(Kind.CONFIG_MAP, config_map(name))
    with pytest.raises(Conflict):
        await cluster.delete(Kind.CONFIG_MAP, NAMESPACE, name, uid="another")
    await cluster.delete(Kind.CONFIG_MAP, NAMESPACE, name, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name)


async def test_a_dry_run_changes_nothing(cluster: Cluster, name: str) -> None:
    await cluster.create(Kind.CONFIG_MAP, config_map(f"{name}-dry"), dry_run=True)
    with pytest.raises(NotFound):
        await cluster.get(Kind.CONFIG_MAP, NAMESPACE, f"{name}-dry")
    made = await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    change = [{"op": "replace", "path": "/data/key", "value": "two"}]
    judged = await cluster.patch(Kind.CONFIG_MAP, NAMESPACE, name, change, dry_run=True)
    assert judged["data"] == {"key": "two"}
    uid = made["metadata"]["uid"]
    await cluster.delete(Kind.CONFIG_MAP, NAMESPACE, name, uid=uid, dry_run=True)
    await cluster.replace(Kind.CONFIG_MAP, dict(made) | {"data": {"key": "three"}}, dry_run=True)
    assert (await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name))["data"] == {"key": "one"}


LIMIT = "/spec/containers/0/resources/limits/memory"


def limited(name: str) -> Object:
    container = {"name": "app", "image": "example", "resources": {"limits": {"memory": "64Mi"}}}
    return {**pod(name), "spec": {"containers": [container]}}


def limit_of(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["resources"]["limits"]["memory"])


async def test_a_pod_is_resized_while_it_is_there(cluster: Cluster, name: str) -> None:
    made = await cluster.create(Kind.POD, limited(name))
    first = made["metadata"].get("generation")
    change = [
        {"op": "test", "path": "/metadata/generation", "value": first},
        {"op": "replace", "path": LIMIT, "value": "96Mi"},
    ]
    judged = await cluster.resize(NAMESPACE, name, change, dry_run=True)
    assert limit_of(judged) == "96Mi"
    assert limit_of(await cluster.get(Kind.POD, NAMESPACE, name)) == "64Mi"
    await cluster.resize(NAMESPACE, name, change)
    resized = await cluster.get(Kind.POD, NAMESPACE, name)
    assert limit_of(resized) == "96Mi"
    assert resized["metadata"]["generation"] != first
    with pytest.raises(Conflict):
        await cluster.resize(NAMESPACE, name, change)
    with pytest.raises(NotFound):
        await cluster.resize(NAMESPACE, f"{name}-other", change)
    with pytest.raises(Refused):
        await cluster.resize(NAMESPACE, name, [{"op": "move", "from": LIMIT, "path": LIMIT}])


async def test_a_pod_is_evicted_by_its_uid(cluster: Cluster, name: str) -> None:
    made = await cluster.create(Kind.POD, pod(name))
    with pytest.raises(Conflict):
        await cluster.evict(NAMESPACE, name, uid="another")
    uid = made["metadata"]["uid"]
    await cluster.evict(NAMESPACE, name, uid=uid, dry_run=True)
    assert "deletionTimestamp" not in (await cluster.get(Kind.POD, NAMESPACE, name))["metadata"]
    await cluster.evict(NAMESPACE, name, uid=uid)
    assert await gone(cluster, name)()


def budget(name: str) -> Object:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"suite": name}}}
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "policy/v1", "metadata": meta, "spec": spec}


def gone(cluster: Cluster, name: str) -> Callable[[], Awaitable[bool]]:
    async def evicted() -> bool:
        try:
            left = await cluster.get(Kind.POD, NAMESPACE, name)
        except NotFound:
            return True
        return "deletionTimestamp" in left["metadata"]

    return evicted


async def test_a_budget_forbids_to_evict_the_last_that_is_ready(
    cluster: Cluster, name: str, run: Run
) -> None:
    last = await cluster.create(Kind.POD, pod(name))
    await run(name)
    await cluster.create(Kind.POD_DISRUPTION_BUDGET, budget(name))
    uid = last["metadata"]["uid"]
    for dry_run in (True, False):
        with pytest.raises(Unavailable):
            await cluster.evict(NAMESPACE, name, uid=uid, dry_run=dry_run)
    assert not await gone(cluster, name)()


async def test_a_budget_lets_one_go_that_is_spare(cluster: Cluster, name: str, run: Run) -> None:
    await cluster.create(Kind.POD_DISRUPTION_BUDGET, budget(name))
    for each in (name, f"{name}-2"):
        made = dict(pod(each))
        made["metadata"] = {**made["metadata"], "labels": {"suite": name}}
        await cluster.create(Kind.POD, made)
        await run(each)

    async def evicted() -> bool:
        uid = (await cluster.get(Kind.POD, NAMESPACE, name))["metadata"]["uid"]
        try:
            await cluster.evict(NAMESPACE, name, uid=uid)
        except Unavailable:  # the controller has not counted yet
            return False
        return True

    await until(evicted)
    assert await gone(cluster, name)()


async def test_a_budget_says_nothing_of_a_pod_that_does_not_run(
    cluster: Cluster, name: str
) -> None:
    made = await cluster.create(Kind.POD, pod(name))
    await cluster.create(Kind.POD_DISRUPTION_BUDGET, budget(name))
    await cluster.evict(NAMESPACE, name, uid=made["metadata"]["uid"])
    assert await gone(cluster, name)()


@pytest.mark.parametrize("operation", ["move", "copy", "merge", None])
async def test_an_operation_that_is_not_known_is_refused(
    cluster: Cluster, name: str, operation: str | None
) -> None:
    await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    change = {"op": operation, "from": "/data/key", "path": "/data/other", "value": "two"}
    with pytest.raises(Refused):
        await cluster.patch(Kind.CONFIG_MAP, NAMESPACE, name, [change])
    assert (await cluster.get(Kind.CONFIG_MAP, NAMESPACE, name))["data"] == {"key": "one"}


async def test_known_good_objects_are_written_and_read_whole(cluster: Cluster, name: str) -> None:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app"}]}}
    workload = {"templates": [template], "replicas": 2, "healthyAt": "2026-01-01T00:00:00Z"}
    spec = {"workloads": {f"Deployment/{name}": workload}, "configMaps": {name: [{"data": {}}]}}
    head = {"apiVersion": Kind.KNOWN_GOOD.api_version, "kind": Kind.KNOWN_GOOD.value}
    meta = {"name": name, "namespace": NAMESPACE}
    made = await cluster.create(Kind.KNOWN_GOOD, head | {"metadata": meta, "spec": spec})
    assert made["spec"] == spec
    assert (await cluster.get(Kind.KNOWN_GOOD, NAMESPACE, name))["spec"] == spec
    await cluster.replace(Kind.KNOWN_GOOD, dict(made) | {"spec": {"services": {}}})
    assert (await cluster.get(Kind.KNOWN_GOOD, NAMESPACE, name))["spec"] == {"services": {}}
    with pytest.raises(Conflict):
        await cluster.replace(Kind.KNOWN_GOOD, dict(made) | {"spec": spec})


async def test_a_watch_tells_what_is_there_and_then_what_changes(
    cluster: Cluster, name: str
) -> None:
    made = await cluster.create(Kind.CONFIG_MAP, config_map(name, key="one"))
    seen: list[tuple[str, str]] = []
    async for event in cluster.watch(Kind.CONFIG_MAP, NAMESPACE):
        if isinstance(event, Synced):
            await cluster.patch(
                Kind.CONFIG_MAP,
                NAMESPACE,
                name,
                [{"op": "replace", "path": "/data/key", "value": "two"}],
            )
            uid = made["metadata"]["uid"]
            await cluster.delete(Kind.CONFIG_MAP, NAMESPACE, name, uid=uid)
        if isinstance(event, Delta) and event.object["metadata"]["name"] == name:
            seen.append((event.change, event.object["data"]["key"]))
            if event.change == "deleted":
                break
    assert seen == [("added", "one"), ("modified", "two"), ("deleted", "two")]


@pytest.mark.parametrize("verb", ["get", "list", "watch"])
async def test_what_an_account_is_allowed_follows_its_role(
    request: pytest.FixtureRequest, cluster: Cluster, name: str, verb: str
) -> None:
    if isinstance(cluster, ApiServer):
        plane: ControlPlane = request.getfixturevalue("plane")
        plane.kubectl("-n", NAMESPACE, "create", "serviceaccount", name)
        request.addfinalizer(
            lambda: plane.kubectl("-n", NAMESPACE, "delete", "serviceaccount", name)
        )
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": [verb]}]
    meta = {"metadata": {"name": name, "namespace": NAMESPACE}}
    head = {"apiVersion": Kind.ROLE.api_version}
    role = await cluster.create(Kind.ROLE, head | {"kind": "Role", "rules": rules} | meta)
    bound = {
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": Kind.ROLE.group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
    }
    binding = await cluster.create(Kind.ROLE_BINDING, head | bound | meta)
    asked = AccessRule(verb=verb, group="apps", resource="deployments")
    other = AccessRule(verb=verb, group="", resource="configmaps")

    async def allowed(rule: AccessRule) -> tuple[bool, bool]:
        may = await cluster.may(NAMESPACE, name, rule)
        return may, await cluster.is_let_in(NAMESPACE, name, rule)

    async def let_in() -> bool:  # what RBAC knows comes a moment after what is written
        return await allowed(asked) == (True, True)

    async def shut_out() -> bool:
        return await allowed(asked) == (False, False)

    await until(let_in)
    assert await allowed(other) == (False, False)
    gone = [{"op": "replace", "path": "/rules", "value": []}]
    await cluster.patch(Kind.ROLE, NAMESPACE, name, gone)
    await until(shut_out)
    for kind, live in ((Kind.ROLE, role), (Kind.ROLE_BINDING, binding)):
        await cluster.delete(kind, NAMESPACE, name, uid=live["metadata"]["uid"])
