import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.actions import record
from factories.events import NOW
from ooda.actor.core.guards import Fence, Go, Guards, Hold, Stop, Symptom, may_write
from ooda.actor.core.record import State
from ooda.common.events import Approval
from ooda.common.plans import Basis, CordonStep, CreateJobStep, DeletePodStep, ObjectRef
from ooda.common.taxonomy import Mode

FINE = Guards(stopped=False, mode=Mode.AUTO, symptom=Symptom.OPEN, other=None)
EXPIRY = NOW + dt.timedelta(seconds=30)


@pytest.mark.parametrize(
    ("seen", "now", "expected"),
    [
        ({}, NOW, Go),
        ({}, EXPIRY - dt.timedelta(milliseconds=1), Go),
        ({}, EXPIRY, State.EXPIRED),
        ({"stopped": True}, NOW, State.REFUSED),
        ({"mode": Mode.PROPOSE}, NOW, State.REFUSED),
        ({"mode": Mode.OBSERVE}, NOW, State.REFUSED),
        ({"other": "another"}, NOW, State.REFUSED),
        ({"symptom": Symptom.GONE}, NOW, State.EXPIRED),
        ({"stopped": None}, NOW, Hold),
        ({"mode": None}, NOW, Hold),
        ({"symptom": Symptom.UNKNOWN}, NOW, Hold),
        ({"stopped": None, "mode": Mode.OBSERVE}, NOW, State.REFUSED),
    ],
)
def test_every_guard(seen: Any, now: dt.datetime, expected: Any) -> None:
    found = may_write(record(), replace(FINE, **seen), now)
    if isinstance(expected, State):
        assert isinstance(found, Stop)
        assert found.state is expected
    else:
        assert isinstance(found, expected)


CONSENT = Approval(
    review_id="r", answer_id="a", person="alice", answered_at=NOW, basis=Basis(uid="u", digest="d")
)


@given(
    mode=st.sampled_from([*Mode, None]),
    approval=st.sampled_from([CONSENT, None]),
    symptom=st.sampled_from(Symptom),
    stopped=st.sampled_from([True, False, None]),
)
def test_where_the_agent_only_proposes_nothing_is_written_without_an_approval(
    mode: Mode | None, approval: Approval | None, symptom: Symptom, *, stopped: bool | None
) -> None:
    guards = Guards(stopped=stopped, mode=mode, symptom=symptom, other=None)
    found = may_write(record(approval=approval), guards, NOW)
    if isinstance(found, Go):
        assert mode is Mode.AUTO or (mode is Mode.PROPOSE and approval is not None)
        assert stopped is False


def reference(kind: str, namespace: str | None, name: str) -> ObjectRef:
    return ObjectRef(kind=kind, namespace=namespace, name=name, uid="u")


NODE = CordonStep(object=reference("Node", None, "node-1"))


@pytest.mark.parametrize(
    ("step", "node", "refused"),
    [
        (DeletePodStep(object=reference("Pod", "shop", "a")), "node-1", False),
        (DeletePodStep(object=reference("Pod", "ooda-system", "a")), "node-1", True),
        (CreateJobStep(cron_job=reference("CronJob", "ooda-system", "a"), name="b"), "", True),
        (NODE, "node-1", True),
        (NODE, "node-2", False),
        (NODE, "", True),
    ],
)
def test_the_agent_does_not_touch_what_it_stands_on(step: Any, node: str, *, refused: bool) -> None:
    fence = Fence(frozenset({"ooda-system"}), node)
    assert (fence.refuses((step,)) is not None) is refused
