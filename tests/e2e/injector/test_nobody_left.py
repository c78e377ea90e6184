"""Injector and fault-agent are dead when a fault's time is over: it ends all the same."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from e2e.live.injections import Injection, Injections
from e2e.live.kube import Kube
from e2e.live.shop import SHOP
from e2e.live.waiting import wait_until
from ooda.testbed.commands import run

pytestmark = [pytest.mark.timeout(240), pytest.mark.faults]

Record = Callable[[str, object], None]
Kill = Callable[[], None]

SYSTEM, AGENTS = "ooda-system", "ooda-fault-agent"
NOWHERE = {"e2e.ooda.dev/nowhere": "true"}
LASTS = "20s"
JUMP = """
import time
before = time.time()
while (now := time.time()) > before - 60:
    before = now
    time.sleep(0.001)
print(now)
"""
"""Prints the true time once the clock, which is minutes ahead, has been set right."""
ANSWERED = """
import socket, sys, time
deadline = time.time() + 60
while time.time() < deadline:
    try:
        socket.create_connection((sys.argv[1], 8080), 0.2).close()
    except OSError:
        continue
    print(time.time())
    break
"""
"""Prints when the first connection to a pod was made."""


def _may_run(kube: Kube, *, injector: bool) -> None:
    """Say whether injector and fault-agent may run, both or none."""
    kube.patch("Deployment", "injector", SYSTEM, {"spec": {"replicas": 1 if injector else 0}})
    wanted = dict.fromkeys(NOWHERE) if injector else NOWHERE
    template = {"spec": {"nodeSelector": wanted}}
    kube.patch("DaemonSet", "fault-agent", AGENTS, {"spec": {"template": template}})


@pytest.fixture
def kill(kube: Kube) -> Iterator[Kill]:
    """Kill them all; none comes back before the test is over."""

    def killed() -> None:
        for namespace, name in ((SYSTEM, "injector"), (AGENTS, "fault-agent")):
            for pod in kube.items("Pod", namespace):
                if (pod.metadata.labels or {}).get("app.kubernetes.io/name") == name:
                    container = pod.status.containerStatuses[0].containerID.split("//")[1]
                    task = ["ctr", "-n", "k8s.io", "task", "kill", "--signal", "SIGKILL", container]
                    run("docker", "exec", pod.spec.nodeName, *task)
        _may_run(kube, injector=False)

    yield killed
    _may_run(kube, injector=True)
    for kind, name, namespace in (
        ("deployment", "injector", SYSTEM),
        ("daemonset", "fault-agent", AGENTS),
    ):
        kube.kubectl("-n", namespace, "rollout", "status", f"{kind}/{name}", deadline=90)


def _expiry(found: Injection) -> float:
    told: str = found.read()["expires_at"]
    return dt.datetime.fromisoformat(told).timestamp()


def _pod(kube: Kube, name: str) -> str:
    pods = kube.kind("Pod").get(namespace=SHOP, label_selector=f"app.kubernetes.io/name={name}")
    found: str = pods.items[0].metadata.name
    return found


def test_a_network_is_whole_by_then(
    kube: Kube, injections: Injections, kill: Kill, record_property: Record
) -> None:
    address = kube.get("Pod", _pod(kube, "recommendation"), SHOP).status.podIP
    found = injections.begun("network-cut", "recommendation", LASTS)
    found.reached("effective", 15)
    kill()
    answered = kube.run_in(
        SHOP, _pod(kube, "storefront"), "python", "-c", ANSWERED, address, deadline=90
    )
    late = float(answered) - _expiry(found)
    record_property("nobody left, network-cut", f"over {late:+.2f} s after its time")
    assert late <= 1.5


def test_a_clock_is_right_by_then(
    kube: Kube, injections: Injections, kill: Kill, record_property: Record
) -> None:
    found = injections.begun("jwt-expiry", "payment", LASTS)
    found.reached("effective", 15)
    kill()
    jumped = kube.run_in(SHOP, _pod(kube, "payment"), "python", "-c", JUMP, deadline=90)
    late = float(jumped) - _expiry(found)
    record_property("nobody left, jwt-expiry", f"over {late * 1000:+.0f} ms after its time")
    assert abs(late) <= 0.1


def test_an_object_is_set_back_by_the_reaper(
    kube: Kube, injections: Injections, kill: Kill, record_property: Record
) -> None:
    def service() -> object:
        return kube.get("Service", "payment", SHOP).spec.to_dict()

    before = service()
    found = injections.begun("service-misroute", "payment", LASTS)
    found.reached("effective", 15)
    kill()
    wait_until(lambda: service() == before, "the Service as it was before", 60)
    late = dt.datetime.now(dt.UTC).timestamp() - _expiry(found)
    record_property("nobody left, service-misroute", f"over {late:+.1f} s after its time")
    assert late <= 10
