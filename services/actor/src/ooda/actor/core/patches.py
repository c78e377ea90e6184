"""A step as JSON patch operations that the API server applies only to what was planned for. Pure.

Every patch tests UID, old values and the annotation that it replaces. The last of these makes a
late duplicate harmless: once the action was taken back, its annotation says so, and a delayed
first write no longer finds the annotation that it tests, though the old values stand again. The
resize of a pod cannot carry an annotation: there the pod's generation does the same.
"""

from collections.abc import Mapping
from typing import Any

from ooda.actor.core.pointers import pointer, value_at
from ooda.common.cluster.interface import Object
from ooda.common.plans import (
    ACTION_ANNOTATION,
    CordonStep,
    FieldChange,
    PatchStep,
    ResizeStep,
)

_ANNOTATIONS = pointer("metadata", "annotations")
_MARK = pointer("metadata", "annotations", ACTION_ANNOTATION)

_GENERATION = "/metadata/generation"

Operation = Mapping[str, Any]
Invertible = PatchStep | CordonStep | ResizeStep
"""Steps that can be taken back."""


def mark_of(action_id: str, *, undo: bool = False) -> str:
    """Return what the annotation says after an action, or after it was taken back."""
    return f"{action_id}.undo" if undo else action_id


def as_patch(step: Invertible) -> PatchStep | ResizeStep:
    """Return the step as a patch: cordoning sets one field of a node."""
    match step:
        case PatchStep() | ResizeStep():
            return step
        case CordonStep():
            change = FieldChange(path="/spec/unschedulable", before=None, after=True)
            return PatchStep(object=step.object, changes=(change,))


def operations(step: PatchStep | ResizeStep, live: Object, mark: str) -> tuple[Operation, ...]:
    """Return the JSON patch (RFC 6902); a test for null matches an absent field.

    Of the live object only the annotations are read: old values are those that were planned with.
    """
    tests = (
        {"op": "test", "path": "/metadata/uid", "value": step.object.uid},
        *({"op": "test", "path": each.path, "value": each.before} for each in step.changes),
    )
    changes = tuple(_change(each) for each in step.changes)
    if isinstance(step, ResizeStep):
        return (*tests, {"op": "test", "path": _GENERATION, "value": step.generation}, *changes)
    annotations = value_at(live, _ANNOTATIONS)
    if annotations is None:
        test_mark = {"op": "test", "path": _ANNOTATIONS, "value": None}
        set_mark = {"op": "add", "path": _ANNOTATIONS, "value": {ACTION_ANNOTATION: mark}}
    else:
        test_mark = {"op": "test", "path": _MARK, "value": annotations.get(ACTION_ANNOTATION)}
        set_mark = {"op": "add", "path": _MARK, "value": mark}
    return (*tests, test_mark, *changes, set_mark)


def _change(change: FieldChange) -> Operation:
    if change.after is None:
        return {"op": "remove", "path": change.path}
    operation = "add" if change.before is None else "replace"
    return {"op": operation, "path": change.path, "value": change.after}


def generation_of(live: Object | None) -> int | None:
    """Return how often the object's spec was changed, None if nobody counts."""
    found = value_at(live, _GENERATION)
    return found if isinstance(found, int) else None


def inverse(step: PatchStep | ResizeStep, live: Object) -> PatchStep | ResizeStep | None:
    """Return the patch that takes a step back: a three-way merge of before, after and live.

    A field that is no longer what we wrote is left alone; None if that is all of them, or if the
    object is another one by now.
    """
    if value_at(live, "/metadata/uid") != step.object.uid:
        return None
    ours = tuple(
        FieldChange(path=each.path, before=each.after, after=each.before)
        for each in step.changes
        if value_at(live, each.path) == each.after
    )
    if not ours:
        return None
    match step:
        case PatchStep():
            return PatchStep(object=step.object, changes=ours)
        case ResizeStep():
            return step.model_copy(update={"changes": ours, "generation": generation_of(live)})
