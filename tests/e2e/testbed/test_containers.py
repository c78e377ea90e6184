"""What the cluster does to single containers, and what it tells of them."""

import re

from e2e.live.kube import Kube, is_ready
from e2e.live.pods import PYTHON, pod
from e2e.live.prometheus import Prometheus
from e2e.live.waiting import wait_until
from ooda.testbed.layout import NODES

BUSY = "while :; do :; done"
THROTTLED = "container_cpu_cfs_throttled_periods_total"


def test_a_container_over_its_limit_is_killed(kube: Kube, namespace: str) -> None:
    hungry = "exec python3 -c 'hoard = [bytearray(2**20) for _ in range(512)]'"
    kube.create(pod("hungry", hungry, image=PYTHON, limits={"memory": "64Mi"}), namespace)
    ended = wait_until(
        lambda: [
            status.state.terminated
            for status in kube.get("Pod", "hungry", namespace).status.containerStatuses or []
            if status.state.terminated
        ],
        "the container has ended",
        seconds=30,
    )
    assert [(each.reason, each.exitCode) for each in ended] == [("OOMKilled", 137)]


def test_a_cpu_resize_takes_effect_in_place_and_throttles(
    kube: Kube, prometheus: Prometheus, namespace: str
) -> None:
    kube.start(namespace, pod("busy", BUSY, limits={"cpu": "600m", "memory": "32Mi"}))
    before = kube.get("Pod", "busy", namespace).status.containerStatuses[0]
    smaller = {"limits": {"cpu": "150m"}, "requests": {"cpu": "150m"}}
    kube.resize(namespace, "busy", "main", smaller)

    def actual() -> str:
        resources = kube.get("Pod", "busy", namespace).status.containerStatuses[0].resources
        return str(resources.limits.cpu)

    wait_until(lambda: actual() == "150m", "the container has the new limit", seconds=15)
    quota = "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    script = f"cat {quota[0]} 2> /dev/null || cat {quota[1]}"
    assert kube.run_in(namespace, "busy", "sh", "-c", script).split()[0] == "15000"

    series = f'{THROTTLED}{{namespace="{namespace}", pod="busy", container="main"}}'
    values: set[float] = set()

    def grows() -> bool:
        values.update(sample.value for sample in prometheus.ask(series))
        return len(values) > 1

    wait_until(grows, f"{series} grows", seconds=40)
    after = kube.get("Pod", "busy", namespace).status.containerStatuses[0]
    assert (after.restartCount, after.containerID) == (0, before.containerID)


def test_a_pod_can_be_entered_and_its_log_read(kube: Kube, namespace: str) -> None:
    kube.start(namespace, pod("talker", "echo hello from the pod; exec sleep 3600"))
    assert kube.run_in(namespace, "talker", "cat", "/etc/hostname").strip() == "talker"
    assert kube.output_of(namespace, "talker", "false") is None
    log = kube.kubectl("--namespace", namespace, "logs", "talker")
    assert log == "hello from the pod\n"


def test_nodes_and_pods_have_metrics(kube: Kube) -> None:
    def measured() -> bool:
        nodes = {node.metadata.name: node.usage for node in kube.items("NodeMetrics")}
        return set(nodes) == set(NODES) and all(
            cpu_cores(usage.cpu) > 0 and usage.memory for usage in nodes.values()
        )

    wait_until(measured, "metrics of all nodes", seconds=40)
    running = {p.metadata.name for p in kube.items("Pod", "ooda-system") if is_ready(p)}
    told = {each.metadata.name: each for each in kube.items("PodMetrics", "ooda-system")}
    assert running
    assert running <= set(told)
    assert all(told[name].containers[0].usage.memory for name in running)


def cpu_cores(quantity: str) -> float:
    """A CPU quantity of the metrics API as a number."""
    number, unit = re.fullmatch(r"(\d+)([num]?)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1}[unit]
