"""What the faults inside of a container plan: for which pods, on which node, with what."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from factories.fault_runs import fault_run
from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.container_faults import ClockSkew, CrashLoop, Fill, Leak
from ooda.common.fault_runs import NodeStep, StepRecord
from ooda.injector.faults.containers import Clock, Crashes, FullVolume, MemoryLeak
from ooda.injector.faults.scene import Fault, NotApplicableError, Scene
from ooda.injector.telling import lines_of

PRELOADED = [
    {"name": "LD_PRELOAD", "value": "/opt/libclockskew.so"},
    {"name": "CLOCK_SKEW_FILE", "value": "/run/clock/skew"},
]
MOUNTS = [
    {"name": "prices", "mountPath": "/etc/prices"},
    {"name": "seed", "mountPath": "/seed", "readOnly": True},
    {"name": "reports", "mountPath": "/var/lib/reports"},
    {"name": "cache", "mountPath": "/cache"},
    {"name": "scratch", "mountPath": "/scratch"},
    {"name": "node", "mountPath": "/boot"},
]
VOLUMES = [
    {"name": "prices", "configMap": {"name": "price-list"}},
    {"name": "seed", "persistentVolumeClaim": {"claimName": "seed"}},
    {"name": "reports", "persistentVolumeClaim": {"claimName": "reports"}},
    {"name": "cache", "emptyDir": {"medium": "Memory"}},
    {"name": "scratch", "emptyDir": {}},
    {"name": "node", "hostPath": {"path": "/boot"}},
]


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "1"} | more


def pod(number: int, phase: str = "Running") -> Object:
    return {
        "metadata": meta(f"web-{number}", labels={"app": "web"}),
        "spec": {"nodeName": f"worker-{number}", "volumes": VOLUMES},
        "status": {"phase": phase},
    }


def scene(*pods: Object, **container: Any) -> Scene:
    containers = [{"name": "app"} | container, {"name": "proxy", "env": PRELOADED}]
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": containers}},
    }
    return Scene({"metadata": meta("web"), "spec": spec}, {Kind.POD: pods})


def planned(fault: Fault, place: Scene, parameters: Mapping[str, str]) -> list[NodeStep]:
    steps = fault.plan(place, parameters)
    assert all(isinstance(each, NodeStep) for each in steps)
    return [each for each in steps if isinstance(each, NodeStep)]


LIMITED = {"limits": {"memory": "192Mi"}}
LARGE = {"limits": {"memory": "5Gi"}}
LEAK = {"leak_mib": "128", "mib_per_second": "32"}
NONE = {"leak_mib": "0"}
FILL = {"free_percent": "5", "volume": "", "file": "report-archive.csv"}


@pytest.mark.parametrize(
    ("fault", "parameters", "means"),
    [
        (
            Clock(),
            {"skew_seconds": "3450"},
            ClockSkew(container="app", file=PurePosixPath("/run/clock/skew"), offset_seconds=3450),
        ),
        (Crashes(), {"restarts": "20"}, CrashLoop(container="app", kills=20)),
        (MemoryLeak(), LEAK, Leak(container="app", mib=128, mib_per_second=32)),
        (MemoryLeak(), LEAK | NONE, Leak(container="app", mib=192, mib_per_second=32)),
    ],
    ids=["clock", "crashes", "leak", "leak of the limit"],
)
def test_each_pod_is_broken_on_its_node(
    fault: Fault, parameters: Mapping[str, str], means: ClockSkew | CrashLoop | Leak
) -> None:
    place = scene(pod(1), pod(2), env=PRELOADED, resources=LIMITED)
    steps = planned(fault, place, parameters)
    assert [(each.object.name, each.object.uid, each.node) for each in steps] == [
        ("web-1", "uid-web-1", "worker-1"),
        ("web-2", "uid-web-2", "worker-2"),
    ]
    assert {each.means for each in steps} == {means}


@pytest.mark.parametrize(
    ("volume", "directory"), [("", "/var/lib/reports"), ("scratch", "/scratch")]
)
def test_a_volume_is_filled_from_one_pod(volume: str, directory: str) -> None:
    place = scene(pod(1), pod(2), volumeMounts=MOUNTS)
    (step,) = planned(FullVolume(), place, FILL | {"volume": volume})
    assert step.object.name == "web-1"
    assert step.means == Fill(
        container="app",
        directory=PurePosixPath(directory),
        name="report-archive.csv",
        free_percent=5,
    )


@pytest.mark.parametrize(
    ("fault", "parameters", "words"),
    [
        (Clock(), {"skew_seconds": "60"}, "the clock of container app is 60 s ahead"),
        (Crashes(), {"restarts": "3"}, "the main process of container app is killed, 3 times"),
        (FullVolume(), FILL, "/var/lib/reports/report-archive.csv fills its file system but for 5"),
        (MemoryLeak(), LEAK, "memory of container app leaks, 32 MiB a second up to 128 MiB"),
    ],
)
def test_what_it_does_is_told(fault: Fault, parameters: Mapping[str, str], words: str) -> None:
    place = scene(pod(1), env=PRELOADED, volumeMounts=MOUNTS, resources=LIMITED)
    (step,) = planned(fault, place, parameters)
    sentence, _ = lines_of(fault_run(StepRecord(step=step)), "it ends")
    assert sentence.startswith(f"On node worker-1, in Pod shop/web-1: {words}")


@pytest.mark.parametrize(
    ("fault", "place", "parameters", "words"),
    [
        (Clock(), scene(pod(1)), {"skew_seconds": "1"}, "preloads no library"),
        (Clock(), scene(pod(1), env=PRELOADED[:1]), {"skew_seconds": "1"}, "preloads no library"),
        (Clock(), scene(pod(1), env=PRELOADED[1:]), {"skew_seconds": "1"}, "preloads no library"),
        (Clock(), scene(env=PRELOADED), {"skew_seconds": "1"}, "no pods"),
        (Crashes(), scene(), {"restarts": "1"}, "no pods"),
        (MemoryLeak(), scene(pod(1)), LEAK, "no memory limit"),
        (MemoryLeak(), scene(pod(1), resources={"limits": {"cpu": "1"}}), LEAK, "no memory limit"),
        (MemoryLeak(), scene(pod(1), resources=LARGE), LEAK | NONE, "state leak_mib"),
        (MemoryLeak(), scene(resources=LIMITED), LEAK, "no pods"),
        (Crashes(), scene(pod(1, "Pending")), {"restarts": "1"}, "web-1 does not run"),
        (FullVolume(), scene(volumeMounts=MOUNTS), FILL, "no pods"),
        (FullVolume(), scene(pod(1)), FILL, "no volume of a claim"),
        (FullVolume(), scene(pod(1), volumeMounts=MOUNTS[:2]), FILL, "no volume of a claim"),
        (
            FullVolume(),
            scene(pod(1), volumeMounts=MOUNTS),
            FILL | {"volume": "seed"},
            "no volume seed that it may write to",
        ),
        (
            FullVolume(),
            scene(pod(1), volumeMounts=MOUNTS),
            FILL | {"volume": "cache"},
            "is no disk, but memory",
        ),
        (
            FullVolume(),
            scene(pod(1), volumeMounts=MOUNTS),
            FILL | {"volume": "node"},
            "its volume node is not the pods' own",
        ),
    ],
)
def test_what_does_not_fit(
    fault: Fault, place: Scene, parameters: Mapping[str, str], words: str
) -> None:
    with pytest.raises(NotApplicableError, match=words):
        fault.plan(place, parameters)
