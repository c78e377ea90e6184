import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from factories.actions import record
from factories.events import NOW
from ooda.actor.core.guards import Fence, Go, Guards, Hold, Stop, Symptom, may_write
from ooda.actor.core.record import State
from ooda.common.plans import CordonStep, CreateJobStep, DeletePodStep, ObjectRef
from ooda.common.taxonomy import Mode

FINE = Guards(stopped=False, mode=Mode.AUTO, symptom=Symptom.OPEN, other=None)
EXPIRY = NOW + dt.timedelta(seconds=30)


@pytest.mark.parametrize(
    ("given", "now", "expected"),
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
def test_every_guard(given: Any, now: dt.datetime, expected: Any) -> None:
    found = may_write(record(), replace(FINE, **given), now)
    if isinstance(expected, State):
        assert isinstance(found, Stop)
        assert found.state is expected
    else:
        assert isinstance(found, expected)


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
