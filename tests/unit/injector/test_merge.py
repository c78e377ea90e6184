"""The three-way merge: what is written over what, and what is left alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.fault_runs import Undone
from ooda.common.plans import FieldChange
from ooda.common.testing.json_patch import operate
from ooda.injector.core.merge import MovedError, contains, to_apply, to_undo
from ooda.injector.core.pointers import value_at

IMAGE = "/spec/containers/name=app/image"
CHANGE = FieldChange(path=IMAGE, before="shop:1", after="shop:2")


def pod(image: str | None = "shop:1", *, name: str = "app", uid: str = "u") -> dict[str, Any]:
    ours = {"name": name} | ({} if image is None else {"image": image})
    other = {"name": "proxy", "image": "proxy:1"}
    return {"metadata": {"uid": uid}, "spec": {"containers": [other, ours]}}


def after(live: dict[str, Any], operations: Any) -> dict[str, Any]:
    for each in operations:
        operate(live, each)
    return live


@pytest.mark.parametrize(
    ("live", "done", "found", "image"),
    [
        (pod("shop:2"), True, Undone.REVERTED, "shop:1"),
        (pod("shop:2"), False, Undone.REVERTED, "shop:1"),
        (pod("shop:1"), True, Undone.REPAIRED, "shop:1"),
        (pod("shop:1"), False, Undone.NOTHING, "shop:1"),
        (pod("shop:3"), True, Undone.OVERRIDDEN, "shop:1"),
        (pod("shop:3"), False, Undone.NOTHING, "shop:3"),
        (pod("shop:2", name="other"), True, Undone.GONE, None),
        (pod("shop:2", uid="new"), True, Undone.GONE, "shop:2"),
        (pod("shop:1", uid="new"), True, Undone.REPAIRED, "shop:1"),
        (pod(None), True, Undone.OVERRIDDEN, "shop:1"),
    ],
)
def test_undo(live: dict[str, Any], *, done: bool, found: Undone, image: str | None) -> None:
    merge = to_undo(live, "u", [CHANGE], done=done)
    assert merge.found is found
    assert value_at(after(live, merge.operations), IMAGE) == image
    tests = {each["path"] for each in merge.operations if each["op"] == "test"}
    if merge.operations:
        assert {"/metadata/uid", "/spec/containers/1/name"} <= tests


@pytest.mark.parametrize(("live", "image"), [(pod("shop:1"), "shop:2"), (pod("shop:2"), "shop:2")])
def test_apply(live: dict[str, Any], image: str) -> None:
    assert value_at(after(live, to_apply(live, "u", [CHANGE])), IMAGE) == image


@pytest.mark.parametrize("live", [pod("shop:3"), pod(uid="new"), pod("shop:1", name="other")])
def test_what_moved_is_not_written_over(live: dict[str, Any]) -> None:
    with pytest.raises(MovedError):
        to_apply(live, "u", [CHANGE])


def test_what_became_empty_is_made_again() -> None:
    live: dict[str, Any] = {"metadata": {"uid": "u"}}
    gone = FieldChange(path="/data/a~1b", before="1", after=None)
    merge = to_undo(live, "u", [gone], done=True)
    assert merge.found is Undone.REVERTED
    assert [each["op"] for each in merge.operations] == ["test", "test", "add"]
    assert merge.operations[-1] == {"op": "add", "path": "/data", "value": {"a/b": "1"}}


def test_a_field_that_was_added_is_removed() -> None:
    live = {"metadata": {"uid": "u"}, "spec": {"nodeSelector": {"pool": "large"}}}
    added = FieldChange(path="/spec/nodeSelector", before=None, after={"pool": "large"})
    merge = to_undo(live, "u", [added], done=True)
    assert merge.found is Undone.REVERTED
    assert after(live, merge.operations)["spec"] == {}


VALUES = st.sampled_from(["a", "b", "c", None])


@given(before=VALUES, other=VALUES, live=VALUES)
def test_applied_and_undone_everything_is_as_it_was(
    before: str | None, other: str | None, live: str | None
) -> None:
    if before == other:
        return
    change = FieldChange(path="/spec/x", before=before, after=other)
    there: dict[str, Any] = {"metadata": {"uid": "u"}, "spec": {"y": 1}}
    if live is not None:
        there["spec"]["x"] = live
    try:
        operations = to_apply(there, "u", [change])
    except MovedError:
        assert live not in (before, other)
        return
    there = _operated(there, operations)
    assert value_at(there, "/spec/x") == other
    there = _operated(there, to_undo(there, "u", [change], done=True).operations)
    assert value_at(there, "/spec/x") == before
    assert to_undo(there, "u", [change], done=True).operations == ()


def _operated(live: dict[str, Any], operations: Any) -> dict[str, Any]:
    """As the API server does: null is a value that is not there."""
    return after(live, [each for each in operations if each.get("value", 0) is not None])


@pytest.mark.parametrize(
    ("live", "part", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ([], {}, False),
        ("a", "a", True),
    ],
)
def test_contains(live: Any, part: Any, *, holds: bool) -> None:
    assert contains(live, part) is holds
