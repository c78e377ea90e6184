"""Apply a step and take it back, by the API server alone; both can be done twice."""

from collections.abc import Collection, Mapping
from typing import Any

from ooda.common.cluster.interface import Conflict, NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import (
    ChangeStep,
    CreateStep,
    DeletePodStep,
    LeftOverStep,
    NodeStep,
    RotateStep,
    Step,
    StepRecord,
    Undone,
)
from ooda.common.plans import ObjectRef
from ooda.injector.core.merge import (
    MovedError,
    Operations,
    contains,
    is_taken_back,
    to_apply,
    to_undo,
)
from ooda.injector.ports import Cluster


async def apply(api: Cluster, step: Step, *, dry_run: bool = False) -> None:
    """Apply a step, unless it is applied already.

    Raises MovedError if the object is not as it was when the run was planned, ClusterError.
    """
    where = step.object
    kind, namespace, name = Kind(where.kind), where.namespace, where.name
    match step:
        case ChangeStep(changes=changes):
            live = await api.get(kind, namespace, name)
            operations = to_apply(live, where.uid, changes)
            if operations:
                await _patch(api, where, operations, dry_run=dry_run)
        case DeletePodStep():
            try:
                await api.delete(Kind.POD, namespace, name, uid=where.uid, dry_run=dry_run)
            except (NotFound, Conflict):
                return  # it is gone, or replaced by another of its name
        case CreateStep(spec=spec):
            try:
                await api.create(kind, _body(step), dry_run=dry_run)
            except Conflict:
                live = await api.get(kind, namespace, name)
                if not contains(live["spec"], spec):
                    raise MovedError(f"somebody else has made {where}") from None
        case NodeStep() | RotateStep():
            return  # is made by others: fault-agent, and `credentials`
        case LeftOverStep():
            return  # is only for the way back


async def pod_is_gone(api: Cluster, where: ObjectRef) -> bool:
    """Say whether a pod is not there, or only another of its name. Raises ClusterError."""
    try:
        live = await api.get(Kind.POD, where.namespace, where.name)
    except NotFound:
        return True
    return bool(live["metadata"]["uid"] != where.uid)


async def undo(api: Cluster, record: StepRecord) -> Undone:
    """Take a step back and return what was found. Raises ClusterError: Conflict says try again."""
    step = record.step
    live = await _find(api, step)
    match step:
        case ChangeStep(object=where, changes=changes):
            if live is None:
                return Undone.GONE
            merge = to_undo(live, where.uid, changes, done=record.done)
            if merge.operations:
                await _patch(api, where, merge.operations, dry_run=False)
            return merge.found
        case DeletePodStep(object=where):
            there = live is not None and live["metadata"]["uid"] == where.uid
            return Undone.NOTHING if there else Undone.GONE
        case CreateStep(object=where, spec=spec):
            if live is None:
                return Undone.REPAIRED if record.done else Undone.NOTHING
            same = contains(live["spec"], spec)
            if not same and not record.done:
                return Undone.NOTHING  # somebody else's, of the same name
            uid = live["metadata"]["uid"]
            await api.delete(Kind(where.kind), where.namespace, where.name, uid=uid)
            return Undone.REVERTED if same else Undone.OVERRIDDEN
        case NodeStep() | RotateStep() | LeftOverStep():
            raise AssertionError("that is done by fault-agent, `credentials` and `left_overs`")


async def replace_pods_but(api: Cluster, workload: ObjectRef, knowing: Collection[str]) -> None:
    """Delete the pods of a workload that have other UIDs. Raises ClusterError."""
    live = await api.get(Kind(workload.kind), workload.namespace, workload.name)
    labels = live["spec"]["selector"].get("matchLabels") or {}
    for pod in await api.list(Kind.POD, workload.namespace, labels=labels):
        meta = pod["metadata"]
        if meta["uid"] not in knowing and not meta.get("deletionTimestamp"):
            await api.delete(Kind.POD, workload.namespace, meta["name"], uid=meta["uid"])


async def _patch(api: Cluster, where: ObjectRef, operations: Operations, *, dry_run: bool) -> None:
    """Change an object; of a pod that runs, what its containers may use."""
    kind = Kind(where.kind)
    if kind is Kind.POD:
        await api.resize(where.namespace, where.name, operations, dry_run=dry_run)
    else:
        await api.patch(kind, where.namespace, where.name, operations, dry_run=dry_run)


async def taken_back(api: Cluster, step: Step) -> bool | None:
    """Say whether somebody else has taken a step back; None if that cannot be seen of its kind.

    A pod that is gone is as it should be: whether it was replaced, the target says.

    Raises ClusterError.
    """
    match step:
        case ChangeStep(object=where, changes=changes):
            return is_taken_back(await _find(api, step), where.uid, changes)
        case CreateStep():
            return await _find(api, step) is None
        case DeletePodStep(object=where):
            live = await _find(api, step)
            return live is None or live["metadata"]["uid"] != where.uid
        case _:
            return None


async def _find(api: Cluster, step: Step) -> Object | None:
    where = step.object
    try:
        return await api.get(Kind(where.kind), where.namespace, where.name)
    except NotFound:
        return None


def _body(step: CreateStep) -> Mapping[str, Any]:
    kind = Kind(step.object.kind)
    metadata = {"name": step.object.name, "namespace": step.object.namespace}
    head = {"apiVersion": kind.api_version, "kind": kind.value, "metadata": metadata}
    return {**head, "spec": step.spec}
