"""What people and machines do every day: nothing is flagged, nothing is done."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.pods import BUSYBOX
from e2e.live.shop import SHOP, places
from e2e.live.waiting import wait_until
from e2e.live.workloads import Workload
from ooda.testbed.layout import WORKERS

pytestmark = pytest.mark.timeout(180)

DRAIN_SECONDS = 90.0
RETRY_SECONDS = 45.0


@pytest.fixture
def uneventful(scene: Scene) -> Callable[[], None]:
    """Look, two snapshots after the last change, that nothing was flagged and nothing done."""

    def look() -> None:
        scene.quiet(seconds=30, snapshots=2)
        assert [each.summary for each in scene.flags()] == []
        assert scene.actions() == []

    return look


def test_a_restart_of_a_healthy_deployment(kube: Kube, uneventful: Callable[[], None]) -> None:
    workload = Workload(kube, "Deployment", "storefront")
    workload.restart()
    workload.wait_until_complete()
    uneventful()


def test_scaling_up_and_down_again(kube: Kube, uneventful: Callable[[], None]) -> None:
    workload = Workload(kube, "Deployment", "checkout")
    for replicas in (3, 2):
        workload.scale(replicas)
        workload.wait_until_complete()
    wait_until(lambda: len(workload.pods()) == 2, "two pods", seconds=30)
    uneventful()


def test_a_container_that_crashes_once(kube: Kube, uneventful: Callable[[], None]) -> None:
    workload = Workload(kube, "Deployment", "recommendation")
    before = workload.restarts()
    workload.kill()
    wait_until(lambda: workload.restarts() > before, "it runs again", seconds=60)
    uneventful()


@pytest.fixture
def emptied(kube: Kube) -> Iterator[str]:
    """The worker without the shop's database, drained; afterwards pods are spread again."""
    database = kube.get("Pod", "orders-db-0", SHOP).spec.nodeName
    worker = next(name for name in WORKERS if name != database)
    kube.kubectl(
        "drain", worker, "--ignore-daemonsets", "--delete-emptydir-data",
        f"--timeout={DRAIN_SECONDS:.0f}s", deadline=DRAIN_SECONDS,
    )  # fmt: skip
    yield worker
    kube.kubectl("uncordon", worker)
    _spread(kube)


def _spread(kube: Kube) -> None:
    """Move one pod of each pair that shares a worker to the other, as a drain would."""
    crowded = {name: pods for name, pods in places(kube).items() if len(set(pods.values())) == 1}
    for worker in {next(iter(pods.values())) for pods in crowded.values()}:
        kube.kubectl("cordon", worker)
        try:
            moved = [name for name, pods in crowded.items() if worker in pods.values()]
            for name in moved:
                kube.delete("Pod", next(iter(crowded[name])), SHOP)
            for name in moved:
                wait_until(partial(_is_spread, kube, name), f"{name} is spread", DRAIN_SECONDS)
        finally:
            kube.kubectl("uncordon", worker)


def _is_spread(kube: Kube, name: str) -> bool:
    return len(set(places(kube)[name].values())) > 1


def test_a_worker_that_is_drained_and_used_again(
    kube: Kube, uneventful: Callable[[], None], emptied: str
) -> None:
    running = [p for p in kube.items("Pod", SHOP) if p.spec.nodeName == emptied]
    kube.kubectl("uncordon", emptied)
    assert {p.status.phase for p in running} <= {"Succeeded", "Failed"}
    for each in ("recommendation", "reports", "payment-fallback"):
        Workload(kube, "Deployment", each).wait_until_complete()
    uneventful()


def _job(name: str, marker: str) -> dict[str, Any]:
    """A Job whose pods fail until a ConfigMap is there."""
    main = {
        "name": "main",
        "image": BUSYBOX,
        "imagePullPolicy": "Never",
        "command": ["test", "-e", "/marker/there"],
        "volumeMounts": [{"name": "marker", "mountPath": "/marker"}],
    }
    volume = {"name": "marker", "configMap": {"name": marker, "optional": True}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 3,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [main], "volumes": [volume]}
            },
        },
    }


def test_a_job_that_succeeds_at_the_second_try(kube: Kube, uneventful: Callable[[], None]) -> None:
    name = f"e2e-second-try-{secrets.token_hex(3)}"
    marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    kube.create(_job(name, name), SHOP)
    try:
        wait_until(lambda: kube.get("Job", name, SHOP).status.failed, "it failed", RETRY_SECONDS)
        kube.create({**marker, "data": {"there": ""}}, SHOP)
        wait_until(
            lambda: kube.get("Job", name, SHOP).status.succeeded, "it succeeded", RETRY_SECONDS
        )
        uneventful()
    finally:
        kube.delete("Job", name, SHOP)
        kube.delete("ConfigMap", name, SHOP)
