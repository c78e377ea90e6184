"""Lost nodes and full disks: real, on one worker, and undone whatever the test finds."""

import json
import secrets
from collections.abc import Callable, Iterator

import pytest

from e2e.live.kube import Kube, condition, is_ready
from e2e.live.pods import on, pod, scratch
from e2e.live.shop import lasting_pods, restore, wait_until_whole
from e2e.live.waiting import seconds_until, wait_until
from ooda.testbed.commands import run
from ooda.testbed.layout import WORKERS

Record = Callable[[str, object], None]

LEFT_MIB = 150  # of 2 GiB: half of what kubelet wants to see free
FILL = f"""
free=$(df -Pm /scratch | awk 'NR == 2 {{print $4}}')
exec fallocate -l $((free - {LEFT_MIB}))M /scratch/fill
"""
SUMMARY = "/api/v1/nodes/{}/proxy/stats/summary"
LOWEST = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "value": -1_000_000,
    "preemptionPolicy": "Never",
}


@pytest.fixture
def worker(kube: Kube) -> Iterator[str]:
    """The worker without the shop's database; the cluster is whole before and after."""
    wait_until_whole(kube)
    database = kube.get("Pod", "orders-db-0", "fault-injection-shop").spec.nodeName
    yield next(name for name in WORKERS if name != database)
    restore(kube)


@pytest.fixture
def kubelet_in_the_end(worker: str) -> Iterator[None]:
    yield
    run("docker", "exec", worker, "systemctl", "start", "kubelet")


@pytest.fixture
def first_to_go(kube: Kube) -> Iterator[str]:
    """A priority below all others: kubelet evicts such a pod first, and nobody else."""
    name = f"e2e-first-to-go-{secrets.token_hex(3)}"
    kube.create({**LOWEST, "metadata": {"name": name}})
    yield name
    kube.delete("PriorityClass", name)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("kubelet_in_the_end")
def test_a_node_without_its_kubelet_is_lost_and_comes_back(
    kube: Kube, worker: str, record_property: Record
) -> None:
    def ready() -> str:
        return condition(kube.get("Node", worker), "Ready")

    run("docker", "exec", worker, "systemctl", "stop", "kubelet")
    lost = seconds_until(lambda: ready() == "Unknown", f"{worker} is not Ready", 90)
    run("docker", "exec", worker, "systemctl", "start", "kubelet")
    back = seconds_until(lambda: ready() == "True", f"{worker} is Ready again", 60)
    record_property("stopped kubelet", f"not Ready after {lost:.0f} s, back after {back:.1f} s")


@pytest.mark.timeout(300)
def test_a_full_file_system_raises_disk_pressure_and_freeing_it_clears_it(
    kube: Kube, worker: str, namespace: str, first_to_go: str, record_property: Record
) -> None:
    def pressure() -> str:
        return condition(kube.get("Node", worker), "DiskPressure")

    def is_evicted() -> bool:
        return bool(kube.get("Pod", "filler", namespace).status.reason == "Evicted")

    def neighbours() -> set[str]:
        on_worker = [p for p in lasting_pods(kube) if p.spec.nodeName == worker]
        return {p.metadata.name for p in on_worker if is_ready(p)}

    def is_known_to_kubelet() -> bool:
        """Kubelet spares a pod whose use of the disk it has not measured yet."""
        summary = json.loads(kube.kubectl("get", "--raw", SUMMARY.format(worker)))
        known = {p["podRef"]["name"]: p.get("ephemeral-storage", {}) for p in summary["pods"]}
        return bool(known.get("filler", {}).get("usedBytes"))

    filler = pod(
        "filler",
        "echo here; exec sleep 3600",
        priorityClassName=first_to_go,
        **on(worker),
        **scratch(),
    )
    kube.start(namespace, filler)
    wait_until(is_known_to_kubelet, "kubelet has measured the pod", seconds=40)
    before = neighbours()
    assert pressure() == "False"
    kube.run_in(namespace, "filler", "sh", "-c", FILL)
    raised = seconds_until(lambda: pressure() == "True", "disk pressure", 60)
    wait_until(is_evicted, "the pod that filled the disk is evicted", 60)
    kube.delete("Pod", "filler", namespace)
    cleared = seconds_until(lambda: pressure() == "False", "no disk pressure", 90)
    assert neighbours() == before, "others were evicted too"
    record_property("disk pressure", f"after {raised:.0f} s, cleared {cleared:.0f} s after freeing")
