"""Reads of the live cluster, for planning and right before writing."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from ooda.actor.core.in_place import MOST, Placed
from ooda.actor.core.memory import Room
from ooda.actor.core.owners import controller_of, owner_uid
from ooda.actor.core.plan import Scene
from ooda.actor.core.pointers import value_at
from ooda.common.cluster.interface import (
    ClusterError,
    ClusterReader,
    ClusterWriter,
    NotFound,
    Object,
    Refused,
)
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionRequest
from ooda.common.kill_switch import read_stop
from ooda.common.known_good import CATALOG
from ooda.common.modes import mode_of
from ooda.common.plans import (
    CONFIG_MAP_PARAMETER,
    POD_PARAMETER,
    CreateJobStep,
    ResizeStep,
    Step,
)
from ooda.common.targets import NodeTarget, ServiceTarget, Target, WorkloadTarget, namespace_of
from ooda.common.taxonomy import ActionKind, Mode


class Api(ClusterReader, ClusterWriter, Protocol):
    """What the actor asks of the cluster: to read, and by ``apply_step`` alone to write."""


async def _or_none(reading: Awaitable[Object]) -> Object | None:
    try:
        return await reading
    except NotFound:
        return None


async def look_at_scene(api: ClusterReader, request: ActionRequest) -> Scene:
    """Return what a plan is made from. Raises ClusterError except NotFound."""
    target = request.target
    if isinstance(target, ServiceTarget):
        return Scene(
            workload=None,
            catalog=await _or_none(api.get(Kind.KNOWN_GOOD, target.namespace, CATALOG)),
            service=await _or_none(api.get(Kind.SERVICE, target.namespace, target.name)),
        )
    if isinstance(target, NodeTarget):
        return Scene(workload=None, node=await _or_none(api.get(Kind.NODE, None, target.name)))
    if not isinstance(target, WorkloadTarget) or target.workload_kind not in set(Kind):
        return Scene(workload=None)
    kind, namespace = Kind(target.workload_kind), target.namespace
    pod_name = request.parameters.get(POD_PARAMETER)
    pod = await _or_none(api.get(Kind.POD, namespace, pod_name)) if pod_name else None
    config_name = request.parameters.get(CONFIG_MAP_PARAMETER)
    controller = controller_of(pod) if pod else None
    replica_set = None
    if controller and controller[0] == Kind.REPLICA_SET:
        replica_set = await _or_none(api.get(Kind.REPLICA_SET, namespace, controller[1]))
    workload = await _or_none(api.get(kind, namespace, target.name))
    room = Room()
    others: tuple[Placed, ...] = ()
    if request.action is ActionKind.RAISE_MEMORY_LIMIT:
        room = await _room(api, namespace, value_at(pod, "/spec/nodeName"))
        others = await _others(api, workload, pod)
    return Scene(
        workload=workload,
        catalog=await _or_none(api.get(Kind.KNOWN_GOOD, namespace, CATALOG)),
        pod=pod,
        replica_set=replica_set,
        config_map=await _or_none(api.get(Kind.CONFIG_MAP, namespace, config_name))
        if config_name
        else None,
        room=room,
        others=others,
    )


async def _others(
    api: ClusterReader, workload: Object | None, pod: Object | None
) -> tuple[Placed, ...]:
    """Return the other pods that the controller of a pod has made, each with its node."""
    if workload is None or pod is None:
        return ()
    labels = value_at(workload, "/spec/selector/matchLabels")
    found = await api.list(Kind.POD, value_at(workload, "/metadata/namespace"), labels)
    uid = value_at(pod, "/metadata/uid")
    made = [
        each
        for each in found
        if owner_uid(each) == owner_uid(pod) and value_at(each, "/metadata/uid") != uid
    ]
    names = {value_at(each, "/spec/nodeName") for each in made[:MOST]} - {None}
    nodes = {name: await _or_none(api.get(Kind.NODE, None, name)) for name in sorted(names)}
    return tuple(Placed(each, nodes.get(value_at(each, "/spec/nodeName"))) for each in made)


async def look_at_resized(api: ClusterReader, steps: Sequence[Step]) -> tuple[Object | None, ...]:
    """Return the pods that steps resize, None for one that is gone. Raises ClusterError."""
    return tuple(
        [await look_at_result(api, each) for each in steps if isinstance(each, ResizeStep)]
    )


async def _room(api: ClusterReader, namespace: str, node: str | None) -> Room:
    return Room(
        node=await _or_none(api.get(Kind.NODE, None, node)) if node else None,
        limit_ranges=await api.list(Kind.LIMIT_RANGE, namespace),
        quotas=await api.list(Kind.RESOURCE_QUOTA, namespace),
    )


async def look_at_result(api: ClusterReader, step: Step) -> Object | None:
    """Return the object by which it is seen whether a step was applied. Raises ClusterError."""
    if isinstance(step, CreateJobStep):
        return await _or_none(api.get(Kind.JOB, step.cron_job.namespace, step.name))
    reference = step.object
    return await _or_none(api.get(Kind(reference.kind), reference.namespace, reference.name))


async def look_at_source(api: ClusterReader, step: Step) -> Object:
    """Return the object that is changed, of a Job to create the CronJob. Raises ClusterError."""
    reference = step.cron_job if isinstance(step, CreateJobStep) else step.object
    return await api.get(Kind(reference.kind), reference.namespace, reference.name)


async def is_stopped(api: ClusterReader, own_namespace: str) -> bool | None:
    """Tell whether the kill switch is there; None if that could not be read."""
    try:
        return await read_stop(api, own_namespace) is not None
    except ClusterError:
        return None


async def mode_at(api: ClusterReader, target: Target) -> Mode | None:
    """Return how far the agent may go with a target, None if that could not be read.

    A node says it by its own label, everything else by that of its namespace.
    """
    namespace = namespace_of(target)
    try:
        if isinstance(target, NodeTarget):
            found = await api.get(Kind.NODE, None, target.name)
        elif namespace is not None:
            found = await api.get(Kind.NAMESPACE, None, namespace)
        else:
            return Mode.PROPOSE
    except (NotFound, Refused):
        return Mode.PROPOSE
    except ClusterError:
        return None
    return mode_of(value_at(found, "/metadata/labels"))
