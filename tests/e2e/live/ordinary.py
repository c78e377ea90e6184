"""What people and machines do every day, and what is no failure; each returns when it is done."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from e2e.live.kube import Kube
from e2e.live.pods import BUSYBOX
from e2e.live.shop import SHOP, places
from e2e.live.waiting import wait_until
from e2e.live.workloads import Workload
from ooda.testbed.layout import WORKERS

CREDENTIALS = "orders-db-credentials"
DRAIN_SECONDS = 90.0
RETRY_SECONDS = 45.0
SLOW_SECONDS = 40
"""More than a start may take of which nobody says anything."""


def roll(kube: Kube, name: str) -> None:
    """Replace the pods of a healthy Deployment, one by one."""
    workload = Workload(kube, "Deployment", name)
    workload.restart()
    workload.wait_until_complete()


def scale_up_and_back(kube: Kube, name: str) -> None:
    """Have one replica more, and then as many as before."""
    workload = Workload(kube, "Deployment", name)
    replicas = int(workload.read()["spec"]["replicas"])
    for wanted in (replicas + 1, replicas):
        workload.scale(wanted)
        workload.wait_until_complete()
    wait_until(lambda: len(workload.pods()) == replicas, f"{replicas} pods", seconds=30)


def crash_once(kube: Kube, name: str) -> None:
    """Kill a container once; the kubelet starts it again."""
    workload = Workload(kube, "Deployment", name)
    before = workload.restarts()
    workload.kill()
    wait_until(lambda: workload.restarts() > before, "it runs again", seconds=60)


def start_slowly(kube: Kube, name: str) -> None:
    """Roll a release out whose pods take long to start, as it says; and back again."""
    workload = Workload(kube, "Deployment", name)
    before = workload.read()
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": SLOW_SECONDS}
    workload.set_container(startupProbe=probe)
    workload.wait_until_complete(2 * SLOW_SECONDS * int(before["spec"]["replicas"]))
    workload.put_back(before)
    workload.wait_until_complete()


@contextmanager
def drained(kube: Kube) -> Iterator[str]:
    """The worker without the shop's database, drained; afterwards pods are spread again."""
    database = kube.get("Pod", "orders-db-0", SHOP).spec.nodeName
    worker = next(name for name in WORKERS if name != database)
    kube.kubectl(
        "drain", worker, "--ignore-daemonsets", "--delete-emptydir-data",
        f"--timeout={DRAIN_SECONDS:.0f}s", deadline=DRAIN_SECONDS,
    )  # fmt: skip
    try:
        yield worker
    finally:
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


@contextmanager
def retried_job(kube: Kube) -> Iterator[None]:
    """A Job that succeeds at its second try."""
    name = f"e2e-second-try-{secrets.token_hex(3)}"
    marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    kube.create(_job(name, name), SHOP)
    try:
        wait_until(lambda: kube.get("Job", name, SHOP).status.failed, "it failed", RETRY_SECONDS)
        kube.create({**marker, "data": {"there": ""}}, SHOP)
        wait_until(
            lambda: kube.get("Job", name, SHOP).status.succeeded, "it succeeded", RETRY_SECONDS
        )
        yield
    finally:
        kube.delete("Job", name, SHOP)
        kube.delete("ConfigMap", name, SHOP)


def rotate_credentials(kube: Kube) -> None:
    """Give the shop's checkout another account of its database, as one does; and the first again.

    The new account is there before the Secret names it, the old one until nobody uses it.
    """
    before = kube.get("Secret", CREDENTIALS, SHOP).to_dict()["data"]
    owner = base64.b64decode(before["username"]).decode()
    other, password = f"{owner}_{secrets.token_hex(3)}", secrets.token_hex(12)
    _sql(kube, f"CREATE ROLE {other} LOGIN PASSWORD '{password}' IN ROLE {owner}")
    try:
        after = {"username": other, "password": password}
        _use(kube, {key: base64.b64encode(each.encode()).decode() for key, each in after.items()})
        _use(kube, before)
    finally:
        _sql(kube, f"DROP ROLE {other}")


def _use(kube: Kube, data: dict[str, str]) -> None:
    kube.patch("Secret", CREDENTIALS, SHOP, {"data": data})
    roll(kube, "checkout")


def _sql(kube: Kube, statement: str) -> None:
    kube.run_in(
        SHOP, "orders-db-0", "psql", "--no-psqlrc", "--quiet", "--username=postgres",
        "--set=ON_ERROR_STOP=1", "--command", statement,
    )  # fmt: skip
