"""Whether a step was carried out, by the live objects: what a successor goes by. Pure."""

from enum import StrEnum

from ooda.actor.core.patches import Invertible, as_patch, generation_of, mark_of
from ooda.actor.core.pointers import pointer, value_at
from ooda.common.cluster.interface import Object
from ooda.common.plans import (
    ACTION_ANNOTATION,
    CordonStep,
    CreateJobStep,
    DeletePodStep,
    EvictStep,
    PatchStep,
    ResizeStep,
    Step,
)


class Standing(StrEnum):
    """How a step stands."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    CONFLICT = "conflict"
    """Neither: somebody else changed or replaced the object. Never overwrite."""


def standing(step: Step, live: Object | None, action_id: str) -> Standing:
    """Tell how a step stands by its object; of a Job to be created, by the Job.

    ``live`` is None if there is no such object.
    """
    match step:
        case PatchStep() | CordonStep():
            return _patched(as_patch(step), live, action_id)
        case ResizeStep():
            return _resized(step, live)
        case DeletePodStep() | EvictStep():
            there = live is not None and value_at(live, "/metadata/uid") == step.object.uid
            terminating = value_at(live, "/metadata/deletionTimestamp") is not None
            return Standing.NOT_APPLIED if there and not terminating else Standing.APPLIED
        case CreateJobStep():
            return Standing.NOT_APPLIED if live is None else Standing.APPLIED


def _patched(step: PatchStep | ResizeStep, live: Object | None, action_id: str) -> Standing:
    if live is None or value_at(live, "/metadata/uid") != step.object.uid:
        return Standing.CONFLICT
    # Taken back is applied, too: the step must never be carried out a second time.
    if annotated(live) in (mark_of(action_id), mark_of(action_id, undo=True)):
        return Standing.APPLIED
    stand = all(value_at(live, each.path) == each.before for each in step.changes)
    return Standing.NOT_APPLIED if stand else Standing.CONFLICT


def _resized(step: ResizeStep, live: Object | None) -> Standing:
    if _is_gone(step, live):
        return Standing.APPLIED
    if all(value_at(live, each.path) == each.after for each in step.changes):
        return Standing.APPLIED
    # The old values of a later generation: it was changed meanwhile, or applied and taken back.
    return Standing.NOT_APPLIED if _stands(step, live) else Standing.CONFLICT


def _stands(step: ResizeStep, live: Object | None) -> bool:
    same = all(value_at(live, each.path) == each.before for each in step.changes)
    return same and generation_of(live) == step.generation


def _is_gone(step: ResizeStep, live: Object | None) -> bool:
    """Return whether the pod is no more, and with it all that was done to it."""
    return live is None or value_at(live, "/metadata/uid") != step.object.uid


def taken_back(step: Invertible, live: Object | None, action_id: str) -> bool:
    """Tell whether the step was undone: its annotation says so, or of a pod its values."""
    if isinstance(step, ResizeStep):
        return _is_gone(step, live) or all(
            value_at(live, each.path) == each.before for each in step.changes
        )
    return annotated(live) == mark_of(action_id, undo=True)


def annotated(live: Object | None) -> str | None:
    """Return which action changed the object last, by its annotation."""
    mark = value_at(live, pointer("metadata", "annotations", ACTION_ANNOTATION))
    return mark if isinstance(mark, str) else None
