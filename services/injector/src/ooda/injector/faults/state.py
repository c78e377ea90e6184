"""Faults of what stands beside the template: replicas, pods, Services, ConfigMaps. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Step
from ooda.injector.core.pointers import escaped
from ooda.injector.faults.scene import (
    NotApplicableError,
    Scene,
    change,
    delete_pods,
    services_of,
)


class Replicas:
    """Fewer replicas than it needs."""

    reads: frozenset[Kind] = frozenset()

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        if scene.kind is Kind.DAEMON_SET:
            raise NotApplicableError("a DaemonSet has no number of replicas")
        claims = scene.workload["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
        if claims.get("whenScaled") == "Delete":
            raise NotApplicableError("its volume claims would be deleted with its replicas")
        wanted, now = int(parameters["replicas"]), scene.workload["spec"].get("replicas", 1)
        if wanted >= now:
            raise NotApplicableError(f"it has {now} replicas, not more than {wanted}")
        return (change(scene.kind, scene.workload, {"/spec/replicas": wanted}),)


class PodKill:
    """A share of its pods deleted: at least one, and never more than the share says beyond that."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        pods = scene.pods()
        if not pods:
            raise NotApplicableError("it has no pods")
        count = max(1, len(pods) * int(parameters["percent"]) // 100)
        return delete_pods(pods[:count])


class ServicePort:
    """A Service that leads to a port where nobody listens."""

    reads = frozenset({Kind.SERVICE})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        for service in services_of(scene):
            first = service["spec"]["ports"][0]
            part = f"name={first['name']}" if first.get("name") else "0"
            wanted = {f"/spec/ports/{part}/targetPort": int(parameters["port"])}
            return (change(Kind.SERVICE, service, wanted),)
        raise NotApplicableError("no Service with an address of its own leads to it")


class ConfigKey:
    """A key that is gone from a ConfigMap, and pods that are made without it."""

    reads = frozenset({Kind.CONFIG_MAP, Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:  # noqa: ARG002 - it has none
        """See Fault."""
        held = {str(each["metadata"]["name"]): each for each in scene.objects[Kind.CONFIG_MAP]}
        for name, key in _needed(scene.container):
            config = held.get(name)
            if config is not None and (config.get("data") or {}).get(key):
                gone = change(Kind.CONFIG_MAP, config, {f"/data/{escaped(key)}": None})
                return (gone, *delete_pods(scene.pods()))
        raise NotApplicableError("its first container needs no key of a ConfigMap")


def _needed(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ConfigMap and key of each variable that has to be there."""
    for each in container.get("env") or ():
        wanted = (each.get("valueFrom") or {}).get("configMapKeyRef")
        if wanted and not wanted.get("optional"):
            yield str(wanted["name"]), str(wanted["key"])
