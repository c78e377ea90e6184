"""Apply and undo changes by a three-way merge: before, after, and what is there now. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.common.fault_runs import Undone
from ooda.common.plans import FieldChange
from ooda.injector.core.pointers import concrete, to_add, value_at

Operations = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Merge:
    """What to write, and what that means; nothing to write if there are no operations."""

    operations: Operations
    found: Undone


class MovedError(Exception):
    """An object is not as it was when the run was planned: nothing is written over it."""


def to_apply(live: Mapping[str, Any], uid: str, changes: Sequence[FieldChange]) -> Operations:
    """Return the guarded patch that applies changes; empty if they are there already.

    Raises MovedError if a field is neither as before nor as after.
    """
    if live["metadata"]["uid"] != uid:
        raise MovedError("it was replaced by another of the same name")
    operations: list[Mapping[str, Any]] = []
    for each in changes:
        now = value_at(live, each.path)
        if now == each.after:
            continue
        if now != each.before:
            raise MovedError(f"{each.path} was changed meanwhile")
        operations += _write(live, each.path, each.after)
    return _guarded(uid, operations)


def to_undo(
    live: Mapping[str, Any], uid: str, changes: Sequence[FieldChange], *, done: bool
) -> Merge:
    """Return the guarded patch that brings changed fields back, and no other.

    A third value is taken back too if the change is known to have been made: else somebody else had
    it before us.
    """
    if live["metadata"]["uid"] != uid:
        same = all(value_at(live, each.path) == each.before for each in changes)
        return Merge((), Undone.REPAIRED if same else Undone.GONE)
    found: set[Undone] = set()
    operations: list[Mapping[str, Any]] = []
    for each in changes:
        now = value_at(live, each.path)
        if now == each.before:
            found.add(Undone.REPAIRED if done else Undone.NOTHING)
        elif not done and now != each.after:
            found.add(Undone.NOTHING)
        elif concrete(live, each.path) is None and to_add(live, each.path, each.before) is None:
            found.add(Undone.GONE)
        else:
            found.add(Undone.REVERTED if now == each.after else Undone.OVERRIDDEN)
            operations += _write(live, each.path, each.before)
    worst = next(
        each
        for each in Undone  # from the most that was to do to the least
        if each in found
    )
    return Merge(_guarded(uid, operations), worst)


def is_taken_back(live: Mapping[str, Any] | None, uid: str, changes: Sequence[FieldChange]) -> bool:
    """Say whether every field of an object is as before the run, whoever did that."""
    if live is None or live["metadata"]["uid"] != uid:
        return False
    return all(value_at(live, each.path) == each.before for each in changes)


def contains(live: Any, part: Any) -> bool:
    """Say whether an object is what was created, with defaults that the API server added."""
    match part:
        case Mapping():
            return isinstance(live, Mapping) and all(
                key in live and contains(live[key], each) for key, each in part.items()
            )
        case list() | tuple():
            return (
                isinstance(live, list) and len(live) == len(part) and all(map(contains, live, part))
            )
        case _:
            return bool(live == part)


def _write(live: Mapping[str, Any], path: str, value: Any) -> Operations:
    """Return what makes a field have a value, provided that it still has the one that was read."""
    where = concrete(live, path)
    if where is None:
        added = to_add(live, path, value)
        if added is None:
            raise MovedError(f"{path} is not there any more")
        # Of what is not there the test says null (the API server takes it so).
        return (
            *_names(live, path),
            {"op": "test", "path": added[0], "value": None},
            {"op": "add", "path": added[0], "value": added[1]},
        )
    # Every name on the way to an element of a list is tested too, or the index may mean another.
    old = {"op": "test", "path": where, "value": _raw(live, where)}
    if value is None:
        return (*_names(live, path), old, {"op": "remove", "path": where})
    return (*_names(live, path), old, {"op": "replace", "path": where, "value": value})


def _names(live: Mapping[str, Any], path: str) -> Operations:
    parts = path.split("/")[1:]
    tests = []
    for length, part in enumerate(parts, start=1):
        if part.startswith("name="):
            where = concrete(live, "/" + "/".join(parts[:length]) + "/name")
            tests.append({"op": "test", "path": where, "value": part.removeprefix("name=")})
    return tests


def _raw(live: Any, where: str) -> Any:
    found = live
    for part in where.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


def _guarded(uid: str, operations: Operations) -> Operations:
    if not operations:
        return ()
    return ({"op": "test", "path": "/metadata/uid", "value": uid}, *operations)
