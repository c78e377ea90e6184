"""The write path: every write of the product to a workload is a call of ``apply_step``."""

from ooda.actor.core.jobs import job_of
from ooda.actor.core.patches import as_patch, mark_of, operations
from ooda.common.cluster.interface import ClusterWriter, Conflict, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.plans import (
    CordonStep,
    CreateJobStep,
    DeletePodStep,
    EvictStep,
    PatchStep,
    ResizeStep,
    Step,
)


async def apply_step(
    api: ClusterWriter,
    step: Step,
    live: Object,
    action_id: str,
    *,
    undo: bool = False,
    dry_run: bool = False,
) -> None:
    """Write one step, guarded by UID and old values; the API server refuses what differs.

    ``live`` is the object of the step as it was read last, of a Job to create its CronJob.
    Raises ClusterError: Conflict if the object is not what was planned with.
    """
    match step:
        case PatchStep() | CordonStep():
            mark = mark_of(action_id, undo=undo)
            kind, namespace, name = Kind(step.object.kind), step.object.namespace, step.object.name
            body = operations(as_patch(step), live, mark)
            await api.patch(kind, namespace, name, body, dry_run=dry_run)
        case ResizeStep():
            pod = step.object
            body = operations(step, live, mark_of(action_id, undo=undo))
            await api.resize(pod.namespace, pod.name, body, dry_run=dry_run)
        case DeletePodStep():
            pod = step.object
            await api.delete(Kind.POD, pod.namespace, pod.name, uid=pod.uid, dry_run=dry_run)
        case EvictStep():
            pod = step.object
            await api.evict(pod.namespace or "", pod.name, uid=pod.uid, dry_run=dry_run)
        case CreateJobStep():
            try:
                body_of_job = job_of(step, live, action_id)
            except ValueError as error:
                raise Conflict(str(error)) from error
            await api.create(Kind.JOB, body_of_job, dry_run=dry_run)
