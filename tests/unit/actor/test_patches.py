from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.actor.core.patches import as_patch, inverse, mark_of, operations
from ooda.actor.core.pointers import pointer, value_at
from ooda.common.plans import CordonStep, FieldChange, ObjectRef, PatchStep

REF = ObjectRef(kind="ConfigMap", namespace="shop", name="flags", uid="u1")
MARK_PATH = "/metadata/annotations/ooda.dev~1action"


def step(*changes: FieldChange) -> PatchStep:
    return PatchStep(object=REF, changes=changes)


def live(**given: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "u1"} | given.pop("metadata", {})} | given


def test_tests_everything_before_it_changes_anything() -> None:
    found = operations(step(FieldChange(path="/data/a", before="1", after="2")), live(), "id")
    assert found == (
        {"op": "test", "path": "/metadata/uid", "value": "u1"},
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "add", "path": "/metadata/annotations", "value": {"ooda.dev/action": "id"}},
    )


@pytest.mark.parametrize(
    ("annotations", "tested"),
    [({}, None), ({"other": "x"}, None), ({"ooda.dev/action": "old"}, "old")],
)
def test_keeps_other_annotations_and_tests_its_own(
    annotations: dict[str, str], tested: str | None
) -> None:
    found = operations(step(), live(metadata={"annotations": annotations}), "id")
    assert found[1:] == (
        {"op": "test", "path": MARK_PATH, "value": tested},
        {"op": "add", "path": MARK_PATH, "value": "id"},
    )


def test_adds_what_was_absent_and_removes_what_is_to_be_absent() -> None:
    changes = (FieldChange(path="/a", after=1), FieldChange(path="/b", before=2))
    found = operations(step(*changes), live(), "id")
    assert found[4:6] == ({"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"})


def test_cordoning_is_a_patch_of_one_field() -> None:
    assert as_patch(CordonStep(object=REF)).changes == (
        FieldChange(path="/spec/unschedulable", before=None, after=True),
    )


@pytest.mark.parametrize(
    ("now", "back"),
    [
        ({"a": 2, "b": 20}, {"/data/a": 1, "/data/b": 10}),
        ({"a": 2, "b": 99}, {"/data/a": 1}),
        ({"a": 2}, {"/data/a": 1}),
        ({"a": 99, "b": 99}, None),
        ({"a": 1, "b": 10}, None),
    ],
)
def test_takes_back_only_what_is_still_ours(
    now: dict[str, int], back: dict[str, int] | None
) -> None:
    changes = (
        FieldChange(path="/data/a", before=1, after=2),
        FieldChange(path="/data/b", before=10, after=20),
    )
    found = inverse(step(*changes), live(data=now))
    assert (found and {each.path: each.after for each in found.changes}) == back


def test_takes_nothing_back_from_another_object_of_the_name() -> None:
    change = FieldChange(path="/data/a", before=1, after=2)
    assert inverse(step(change), live(metadata={"uid": "u2"}, data={"a": 2})) is None


def test_the_mark_of_an_undo_is_another_one() -> None:
    assert mark_of("id") != mark_of("id", undo=True)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (("a/b",), "/a~1b"),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
        (("",), "/"),
        ((), ""),
    ],
)
def test_pointers_escape(keys: tuple[str, ...], path: str) -> None:
    assert pointer(*keys) == path


@given(st.lists(st.text(max_size=4), max_size=4), st.integers())
def test_a_pointer_leads_to_what_it_was_made_for(keys: list[str], leaf: int) -> None:
    document: Any = leaf
    for key in reversed(keys):
        document = {key: document}
    assert value_at(document, pointer(*keys)) == leaf


@pytest.mark.parametrize("path", ["/a/9", "/a/x", "/a/0/b/c", "/b", "/a/-1"])
def test_a_pointer_to_nothing(path: str) -> None:
    assert value_at({"a": [{"b": 1}]}, path) is None


def test_a_pointer_into_a_list() -> None:
    assert value_at({"a": [{"b": 1}]}, "/a/0/b") == 1
