"""Faults of a release: one field of the target's pod template; its rollout does the rest. Pure."""

from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import LeftOverStep, Step
from ooda.common.quantities import MIB, bytes_of
from ooda.injector.faults.scene import NotApplicableError, Scene, change

_SPEC = "/spec/template/spec"


def _of_container(scene: Scene, values: Mapping[str, Any]) -> tuple[Step, ...]:
    within = f"{_SPEC}/containers/name={scene.container['name']}"
    told = {f"{within}/{path}": value for path, value in values.items()}
    return _rolled_out(scene, told)


def _rolled_out(scene: Scene, values: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps that change the template, of a target whose controller rolls that out.

    Raises NotApplicableError.
    """
    spec = scene.workload["spec"]
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        raise NotApplicableError("with updateStrategy OnDelete no pod would follow its template")
    changed = change(scene.kind, scene.workload, values)
    if scene.kind is not Kind.STATEFUL_SET:
        return (changed,)
    first = (spec.get("ordinals") or {}).get("start", 0)
    kept = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if kept >= first + spec.get("replicas", 1):
        raise NotApplicableError(f"with partition {kept} no pod would follow its template")
    # What comes first is taken back last.
    before = str(scene.workload["status"]["updateRevision"])
    return (LeftOverStep(object=changed.object, before=before), changed)


class Image:
    """A tag that the repository does not have."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        image = str(scene.container["image"])
        repository = image.partition("@")[0]
        head, colon, tag = repository.rpartition(":")
        if colon and "/" not in tag:
            repository = head
        return _of_container(scene, {"image": f"{repository}:{parameters['tag']}"})


class Command:
    """A command that ends at once, with exit code 1."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:  # noqa: ARG002 - it has none
        """See Fault."""
        return _of_container(scene, {"command": ["false"]})


class MemoryLimit:
    """A memory limit below what the target works with."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        wanted = int(parameters["memory_mib"]) * MIB
        if scene.memory_limit is None or scene.memory_limit <= wanted:
            raise NotApplicableError("its first container has no memory limit above that")
        values = {"resources/limits/memory": f"{parameters['memory_mib']}Mi"}
        resources = scene.container.get("resources") or {}
        request = bytes_of((resources.get("requests") or {}).get("memory"))
        if request is not None and request > wanted:  # a request above the limit is not valid
            values["resources/requests/memory"] = f"{parameters['memory_mib']}Mi"
        return _of_container(scene, values)


class ReadinessPort:
    """A readiness probe that asks a port where nobody listens."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        probe = scene.container.get("readinessProbe") or {}
        way = next((each for each in ("httpGet", "tcpSocket") if each in probe), None)
        if way is None:
            raise NotApplicableError("its first container has no readiness probe of a port")
        return _of_container(scene, {f"readinessProbe/{way}/port": int(parameters["port"])})


class NodeSelector:
    """A node label that no node has."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        if scene.kind is Kind.DAEMON_SET:
            raise NotApplicableError("a DaemonSet wants no pod where no node has its node selector")
        path = f"{_SPEC}/nodeSelector"
        before = scene.workload["spec"]["template"]["spec"].get("nodeSelector") or {}
        values = {path: {**before, "pool": parameters["pool"]}}
        return _rolled_out(scene, values)
