"""Faults inside of the target's first container, made on its pods' nodes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.container_faults import LARGEST_LEAK_MIB, ClockSkew, CrashLoop, Fill, Leak
from ooda.common.fault_runs import Step
from ooda.common.quantities import MIB
from ooda.injector.faults.scene import NotApplicableError, Scene, on_nodes

_PRELOADED = "LD_PRELOAD"
_CLOCK_FILE = "CLOCK_SKEW_FILE"
_CLAIM = "persistentVolumeClaim"
_OWN_VOLUMES = frozenset({_CLAIM, "ephemeral", "emptyDir"})


class Clock:
    """The wall clock of its processes is ahead, where they preload a library that allows that."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        env = {str(each["name"]): each.get("value") for each in scene.container.get("env") or ()}
        file = env.get(_CLOCK_FILE)
        if not env.get(_PRELOADED) or not file:
            raise NotApplicableError(
                "its first container preloads no library by which its clock could be off"
                f" ({_PRELOADED}, {_CLOCK_FILE})"
            )
        skew = ClockSkew(
            container=scene.container["name"],
            file=PurePosixPath(file),
            offset_seconds=int(parameters["skew_seconds"]),
        )
        return on_nodes(_pods(scene), skew)


class Crashes:
    """Its main process is killed again and again, in each pod."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        loop = CrashLoop(container=scene.container["name"], kills=int(parameters["restarts"]))
        return on_nodes(_pods(scene), loop)


class MemoryLeak:
    """Memory is taken in its name until the kernel kills it for that, in each pod."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        limit = scene.memory_limit
        if limit is None:
            raise NotApplicableError(
                "its first container has no memory limit: the whole node would run out of memory"
            )
        wanted = int(parameters["leak_mib"]) or -(-limit // MIB)
        if wanted > LARGEST_LEAK_MIB:
            raise NotApplicableError(
                f"its first container may have {wanted} MiB of memory, and {LARGEST_LEAK_MIB} are"
                " the most that is taken: state leak_mib"
            )
        leak = Leak(
            container=scene.container["name"],
            mib=wanted,
            mib_per_second=int(parameters["mib_per_second"]),
        )
        return on_nodes(_pods(scene), leak)


class FullVolume:
    """A volume is full, seen from one pod: all of its pods share it, or lie on one disk."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        pods = _pods(scene)[:1]
        fill = Fill(
            container=scene.container["name"],
            directory=_directory(scene, pods[0], parameters["volume"]),
            name=parameters["file"],
            free_percent=int(parameters["free_percent"]),
        )
        return on_nodes(pods, fill)


def _pods(scene: Scene) -> Sequence[Object]:
    pods = scene.pods()
    if not pods:
        raise NotApplicableError("it has no pods")
    return pods


def _directory(scene: Scene, pod: Object, wanted: str) -> PurePosixPath:
    """Return where a volume is mounted: the one of that name, or the first that is a claim."""
    volumes = {str(each["name"]): each for each in pod["spec"].get("volumes") or ()}
    for mount in _writable(scene.container):
        volume = volumes.get(str(mount["name"]), {})
        if mount["name"] == wanted or (not wanted and _CLAIM in volume):
            _refuse_unless_disk(volume)
            return PurePosixPath(mount["mountPath"])
    said = f"volume {wanted}" if wanted else "volume of a claim"
    raise NotApplicableError(f"its first container has no {said} that it may write to")


def _refuse_unless_disk(volume: Mapping[str, Any]) -> None:
    """Raise NotApplicableError unless a volume is the pods' own, on a disk."""
    if not _OWN_VOLUMES & volume.keys():
        raise NotApplicableError(f"its volume {volume['name']} is not the pods' own")
    if (volume.get("emptyDir") or {}).get("medium") == "Memory":
        raise NotApplicableError(f"its volume {volume['name']} is no disk, but memory")


def _writable(container: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in container.get("volumeMounts") or () if not each.get("readOnly"))
