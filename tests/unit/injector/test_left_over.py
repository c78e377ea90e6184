"""Which pods a StatefulSet has left over from a template that it has no more."""

from typing import Any

import pytest

from ooda.injector.core.left_over import is_stuck, left_over

OWNER = {"kind": "StatefulSet", "uid": "s", "controller": True}
BEFORE, BROKEN, AFTER = "db-1", "db-2", "db-3"


def stateful_set(revision: str = BEFORE, observed: int = 3) -> dict[str, Any]:
    status = {"observedGeneration": observed, "updateRevision": revision}
    return {"metadata": {"uid": "s", "generation": 3}, "status": status}


def pod(revision: str, *, ready: bool = False, **meta: Any) -> dict[str, Any]:
    labels = {"controller-revision-hash": revision}
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": "db-0", "labels": labels, "ownerReferences": [OWNER]} | meta,
        "status": {"conditions": [condition]},
    }


def test_what_was_made_meanwhile_is_left_over_ready_or_not() -> None:
    ill, well = pod(BROKEN), pod(BROKEN, ready=True)
    assert left_over(stateful_set(), [ill, well], BEFORE) == [ill, well]
    assert (is_stuck(ill), is_stuck(well), is_stuck({"metadata": {}})) == (True, False, True)


@pytest.mark.parametrize(
    "other",
    [
        pod(BEFORE),
        pod(AFTER),
        pod(BROKEN, deletionTimestamp="2026-01-01T00:00:00Z"),
        pod(BROKEN, ownerReferences=[]),
        pod(BROKEN, ownerReferences=[OWNER | {"uid": "another"}]),
        pod(BROKEN, ownerReferences=[OWNER | {"controller": False}]),
    ],
)
def test_no_other_pod_is(other: dict[str, Any]) -> None:
    assert left_over(stateful_set(AFTER), [other], BEFORE) == []


def test_before_its_controller_has_seen_the_template_it_cannot_be_said() -> None:
    assert left_over(stateful_set(observed=2), [pod(BROKEN)], BEFORE) is None
