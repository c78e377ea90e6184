"""What a person or a machine does by plain API calls, and what is true of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.live import ordinary
from e2e.live.kube import Kube
from e2e.live.shop import SHOP, restore
from e2e.live.waiting import wait_until
from e2e.live.workloads import NO_SUCH_IMAGE, Workload
from failure_classes.watching import (
    Shows,
    crashed_again,
    no_room,
    nobody_wanted,
    out_of_memory,
    pod_gone,
    pod_refused,
    service_changed,
    waits,
)
from ooda.common.taxonomy import ActionKind, FailureClass, Verdict
from ooda.testbed.commands import run
from ooda.testbed.layout import WORKERS

REVIEW, STAND_DOWN = Verdict.REVIEW, Verdict.STAND_DOWN
Answer = ActionKind | Verdict
"""What is done: an action, or what is decided instead of one."""

Break = Callable[[Kube, str], Callable[[], None]]
"""Break the workload of a name; return what takes it back, if nobody else has."""


@dataclass(frozen=True)
class Fault:
    """One way to break a workload, and the ground truth of it."""

    name: str
    truth: frozenset[FailureClass]
    accepted: frozenset[Answer]
    targets: tuple[str, ...]
    breaks: Break
    shows: Shows | None = None
    """What shows that it bites; None: objects do not."""
    component: str = "Deployment {namespace}/{name}"
    """What is to be blamed, in the words of targets."""
    alone: bool = False
    """Break one target after the other, since all of them at once would be one cause."""


@dataclass(frozen=True)
class Control:
    """Something that is no failure: nothing may be done."""

    name: str
    does: Callable[[Kube, str], None]
    targets: tuple[str, ...]


def _deployment(kube: Kube, name: str) -> Workload:
    return Workload(kube, "Deployment", name)


def _put_back(kube: Kube, name: str) -> Callable[[], None]:
    workload = _deployment(kube, name)
    before = workload.read()
    return lambda: workload.put_back(before)


def _container(**fields: Any) -> Break:
    def breaks(kube: Kube, name: str) -> Callable[[], None]:
        undo = _put_back(kube, name)
        _deployment(kube, name).set_container(**fields)
        return undo

    return breaks


def _no_such_node(kube: Kube, name: str) -> Callable[[], None]:
    undo = _put_back(kube, name)
    selector = {"spec": {"template": {"spec": {"nodeSelector": {"disk": "no-such-disk"}}}}}
    kube.patch("Deployment", name, SHOP, selector)
    return undo


def _scaled_to_nothing(kube: Kube, name: str) -> Callable[[], None]:
    undo = _put_back(kube, name)
    _deployment(kube, name).scale(0)
    return undo


def _killed_again_and_again(kube: Kube, name: str) -> Callable[[], None]:
    workload = _deployment(kube, name)
    undo = _put_back(kube, name)
    began = workload.restarts()
    workload.kill()
    wait_until(lambda: workload.restarts() > began, "it runs again", seconds=60)
    workload.kill()
    return undo


def _pod_deleted(kube: Kube, name: str) -> Callable[[], None]:
    kube.delete("Pod", _deployment(kube, name).pods()[0].metadata.name, SHOP)
    return lambda: None


def _selector_of_nobody(kube: Kube, name: str) -> Callable[[], None]:
    before = kube.get("Service", name, SHOP).to_dict()["spec"]["selector"]
    kube.patch("Service", name, SHOP, {"spec": {"selector": {"release": "none"}}})
    return lambda: kube.patch(
        "Service", name, SHOP, {"spec": {"selector": {"release": None, **before}}}
    )


def _quota_of_nothing(kube: Kube, name: str) -> Callable[[], None]:
    """Leave no room for another pod, then lose one."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-more-pods"},
        "spec": {"hard": {"pods": "1"}},
    }
    kube.create(quota, SHOP)
    wait_until(
        lambda: kube.get("ResourceQuota", "no-more-pods", SHOP).status.used is not None,
        "the quota counts",
        seconds=30,
    )
    _pod_deleted(kube, name)
    return lambda: kube.delete("ResourceQuota", "no-more-pods", SHOP)


def _key_taken_from_its_config(kube: Kube, name: str) -> Callable[[], None]:
    """Let it need a key of a ConfigMap, take the key away once all is well, and lose a pod."""
    workload, config = _deployment(kube, name), f"settings-of-{name}"
    undo = _put_back(kube, name)
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": config}}
    kube.create({**manifest, "data": {"LEVEL": "info"}}, SHOP)
    needed = {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": config, "key": "LEVEL"}}}
    container = workload.read()["spec"]["template"]["spec"]["containers"][0]
    workload.set_container(env=[*container.get("env", ()), needed])
    workload.wait_until_complete()
    workload.wait_until_known()
    kube.patch("ConfigMap", config, SHOP, {"data": {"LEVEL": None}})
    _pod_deleted(kube, name)

    def back() -> None:
        undo()
        workload.wait_until_complete()
        kube.delete("ConfigMap", config, SHOP)

    return back


def _role_emptied(kube: Kube, name: str) -> Callable[[], None]:
    """Take every right from the Role of a service account of the same name."""
    rules = kube.get("Role", name, SHOP).to_dict()["rules"]
    kube.patch("Role", name, SHOP, {"rules": []})
    return lambda: kube.patch("Role", name, SHOP, {"rules": rules})


def _kubelet_stopped(kube: Kube, name: str) -> Callable[[], None]:
    """Let the agent close a node, as an operator does, and stop what keeps that node alive."""
    kube.kubectl("apply", "-f", str(CORDON))
    kube.kubectl("label", "node", name, "ooda.dev/mode=auto", "--overwrite")
    run("docker", "exec", name, "systemctl", "stop", "kubelet")

    def back() -> None:
        run("docker", "exec", name, "systemctl", "start", "kubelet")
        kube.kubectl("uncordon", name)
        kube.kubectl("label", "node", name, "ooda.dev/mode-")
        kube.kubectl("delete", "-f", str(CORDON))
        restore(kube)

    return back


CORDON = Path(__file__).parents[2] / "k8s/components/cordon/rbac.yaml"
_MISSING_KEY = {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {
    "name": "circuit-breakers", "key": "no-such-key"}}}  # fmt: skip
_SMALL = {"requests": {"memory": "16Mi"}, "limits": {"memory": "24Mi"}}
_CLOSED_PORT = {"tcpSocket": {"port": 9}, "periodSeconds": 2, "failureThreshold": 2}
_BACK = frozenset({ActionKind.ROLL_BACK_WORKLOAD})

FAULTS = (
    Fault(
        "image that does not exist",
        frozenset({FailureClass.IMAGE_PULL_FAILURE}),
        _BACK,
        ("catalog", "auth", "shipping"),
        _container(image=NO_SUCH_IMAGE),
        shows=waits("ErrImagePull", "ImagePullBackOff"),
    ),
    Fault(
        "release that cannot start",
        frozenset({FailureClass.CRASH_LOOP, FailureClass.BAD_RELEASE}),
        _BACK,
        ("recommendation", "catalog", "cart"),
        _container(command=["python3", "-m", "shop.no_such_module"]),
        shows=crashed_again,
    ),
    Fault(
        "container killed twice",
        frozenset({FailureClass.CRASH_LOOP}),
        frozenset({ActionKind.RESTART_POD}),
        ("payment-fallback", "recommendation", "reports"),
        _killed_again_and_again,
        shows=crashed_again,
    ),
    Fault(
        "pod deleted",
        frozenset({FailureClass.POD_KILLED}),
        frozenset({STAND_DOWN}),
        ("cart", "auth", "checkout"),
        _pod_deleted,
        shows=pod_gone,
    ),
    Fault(
        "scaled to nothing",
        frozenset({FailureClass.REPLICA_SHORTFALL}),
        frozenset({ActionKind.SCALE_TO_KNOWN_GOOD}),
        ("payment", "catalog", "recommendation"),
        _scaled_to_nothing,
        shows=nobody_wanted,
    ),
    Fault(
        "memory limit below the need",
        frozenset({FailureClass.OOM_KILLED}),
        frozenset({ActionKind.ROLL_BACK_WORKLOAD, ActionKind.RAISE_MEMORY_LIMIT}),
        ("shipping", "recommendation", "catalog"),
        _container(resources=_SMALL),
        shows=out_of_memory,
    ),
    Fault(
        "key that is not there",
        frozenset({FailureClass.CONFIG_ERROR}),
        _BACK,
        ("cart", "shipping", "payment"),
        _container(env=[_MISSING_KEY]),
        shows=waits("CreateContainerConfigError"),
    ),
    Fault(
        "selector that no node matches",
        frozenset({FailureClass.UNSCHEDULABLE}),
        _BACK,
        ("auth", "recommendation", "shipping"),
        _no_such_node,
        shows=no_room,
    ),
    Fault(
        "readiness asked at a closed port",
        frozenset({FailureClass.PROBE_FAILURE}),
        _BACK,
        ("catalog", "shipping", "cart"),
        _container(readinessProbe=_CLOSED_PORT),
    ),
    Fault(
        "selector of the Service changed",
        frozenset({FailureClass.SERVICE_MISROUTED}),
        frozenset({ActionKind.ROLL_BACK_SERVICE}),
        ("recommendation", "shipping", "payment"),
        _selector_of_nobody,
        component="service {namespace}/{name}",
        shows=service_changed,
    ),
    Fault(
        "quota used up",
        frozenset({FailureClass.QUOTA_EXCEEDED}),
        frozenset({REVIEW}),
        ("recommendation", "reports", "payment-fallback"),
        _quota_of_nothing,
        shows=pod_refused,
        alone=True,
    ),
    Fault(
        "right taken from a Role",
        frozenset({FailureClass.PERMISSION_REVOKED}),
        frozenset({REVIEW}),
        ("catalog",),  # the others watch: what was opened before goes on for half an hour or more
        _role_emptied,
        component="service account {namespace}/{name}",
        alone=True,
    ),
    Fault(
        "key taken from a ConfigMap",
        frozenset({FailureClass.CONFIG_ERROR}),
        frozenset({ActionKind.ROLL_BACK_CONFIG_MAP}),
        ("cart", "shipping", "payment"),
        _key_taken_from_its_config,
        shows=waits("CreateContainerConfigError"),
    ),
    Fault(
        "kubelet stopped",
        frozenset({FailureClass.NODE_NOT_READY}),
        frozenset({ActionKind.CORDON_NODE}),
        WORKERS,
        _kubelet_stopped,
        component="node {name}",
        alone=True,
    ),
)


def _on_the_shop(does: Callable[[Kube], None]) -> Callable[[Kube, str], None]:
    return lambda kube, _: does(kube)


def _drained_and_used_again(kube: Kube) -> None:
    with ordinary.drained(kube):
        pass


def _retried_job(kube: Kube) -> None:
    with ordinary.retried_job(kube):
        pass


CONTROLS = (
    Control("rolling update", ordinary.roll, ("storefront", "cart", "payment")),
    Control("scaled up and back", ordinary.scale_up_and_back, ("checkout", "catalog", "shipping")),
    Control("one restart", ordinary.crash_once, ("recommendation", "reports", "payment-fallback")),
    Control("slow start", ordinary.start_slowly, ("shipping", "reports", "auth")),
    Control("drain", _on_the_shop(_drained_and_used_again), ("shop",)),
    Control("job retried", _on_the_shop(_retried_job), ("shop",)),
    Control("credentials rotated", _on_the_shop(ordinary.rotate_credentials), ("shop",)),
)
