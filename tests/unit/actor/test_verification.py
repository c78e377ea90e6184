import datetime as dt
from typing import Any

import pytest

from factories.actions import record, row, snapshot
from factories.events import ANOMALY_ID, CHECKOUT, NAMESPACE, NOW, open_anomaly
from ooda.actor.core.machine import Sight, advance
from ooda.actor.core.record import MOST_FINISHED, ActionRecord, State, to_delete
from ooda.actor.core.verification import Bad, Blind, Good, health, judge, neighbourhood
from ooda.common.events import GraphEdge
from ooda.common.plans import Health, Verification
from ooda.common.targets import NodeTarget, PodTarget, ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import Signal

WRITTEN = NOW + dt.timedelta(milliseconds=400)
AFTER = NOW + dt.timedelta(seconds=1)
SERVICE = ServiceTarget(namespace=NAMESPACE, name="checkout")
CART = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="cart")
CART_SERVICE = ServiceTarget(namespace=NAMESPACE, name="cart")
FAR = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="far")
NODE = NodeTarget(name="node-1")
GRAPH = (
    GraphEdge(relation="selects", source=SERVICE, sink=CHECKOUT),
    GraphEdge(relation="selects", source=CART_SERVICE, sink=CART),
    GraphEdge(relation="calls", source=CART_SERVICE, sink=SERVICE),
    GraphEdge(relation="placed_on", source=CHECKOUT, sink=NODE),
    GraphEdge(relation="placed_on", source=FAR, sink=NODE),
)


def written(**given: Any) -> ActionRecord:
    fields: dict[str, Any] = {"written_at": WRITTEN, "done": 1, "generation": 4} | given
    return record(State.VERIFYING, **fields)


def new(target: Any, seconds: float = 0.5) -> Any:
    since = NOW + dt.timedelta(seconds=seconds)
    return open_anomaly(anomaly_id="new", target=target, since=since)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (snapshot(AFTER), Good),
        (None, Blind),
        (snapshot(WRITTEN), Blind),
        (snapshot(AFTER, stale=True), Blind),
        (snapshot(AFTER, freshness=()), Blind),
        (snapshot(AFTER, workloads=()), Blind),
        (snapshot(AFTER, workloads=(row(generation=3, observed_generation=3),)), Blind),
        (snapshot(AFTER, workloads=(row(observed_generation=3),)), Bad),
        (snapshot(AFTER, workloads=(row(ready=0),)), Bad),
        (snapshot(AFTER, workloads=(row(updated=0),)), Bad),
        (snapshot(AFTER, workloads=(row(current=2, ready=1),)), Bad),
        (snapshot(AFTER, ill=True), Bad),
        (snapshot(AFTER, anomalies=(new(CHECKOUT),)), Bad),
        (snapshot(AFTER, anomalies=(new(CART),), graph=GRAPH), Bad),
        (snapshot(AFTER, anomalies=(new(CART, 0),), graph=GRAPH), Bad),
        (snapshot(AFTER, anomalies=(new(CART, -5),), graph=GRAPH), Good),
        (snapshot(AFTER, anomalies=(new(FAR),), graph=GRAPH), Good),
        (snapshot(AFTER, anomalies=(new(NODE),), graph=GRAPH), Good),
    ],
)
def test_judges(seen: Any, expected: type) -> None:
    assert isinstance(judge(written(), seen, frozenset(), AFTER), expected)


def test_an_anomaly_that_events_say_is_open_counts() -> None:
    assert isinstance(judge(written(), snapshot(AFTER), frozenset({ANOMALY_ID}), AFTER), Bad)


def test_an_old_snapshot_proves_nothing() -> None:
    later = AFTER + dt.timedelta(seconds=16)
    assert isinstance(judge(written(), snapshot(AFTER), frozenset(), later), Blind)


def test_what_is_not_asked_for_is_not_judged() -> None:
    lenient = Verification(symptom_gone=False, workload_ready=False)
    found = judge(written(verification=lenient), snapshot(AFTER, ill=True), frozenset(), AFTER)
    assert isinstance(found, Good)


def test_neighbours_are_one_call_away() -> None:
    pod = PodTarget(namespace=NAMESPACE, name="checkout-1")
    owns = GraphEdge(relation="owns", source=CHECKOUT, sink=pod)
    found = neighbourhood(CHECKOUT, (*GRAPH, owns))
    assert found == {CHECKOUT, SERVICE, CART, CART_SERVICE, pod}


def test_health_is_of_the_target_and_its_neighbours() -> None:
    seen = snapshot(AFTER, ill=True, workloads=(row(desired=3, ready=2),))
    found = health(written(), seen, AFTER)
    assert found is not None
    assert (found.desired, found.ready, found.open_anomalies, found.fresh) == (3, 2, 1, True)
    assert health(written(), None, AFTER) is None
    assert health(written(), snapshot(AFTER, workloads=()), AFTER) is None


def walk(
    *seen: tuple[float, Any], hold: float = 10, deadline: float = 60, **given_fields: Any
) -> ActionRecord:
    """Let the machine see snapshots at seconds after the write."""
    found = written(
        verification=Verification(hold_seconds=hold, deadline_seconds=deadline),
        deadline=NOW + dt.timedelta(seconds=deadline),
        **given_fields,
    )
    for seconds, given in seen:
        at = NOW + dt.timedelta(seconds=seconds)
        snap = None if given is None else snapshot(at, **given)
        found = advance(found, Sight(snapshot=snap), at).record
    return found


GOOD: dict[str, Any] = {}
ILL = {"ill": True}
STALE = {"stale": True}


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([(5, GOOD), (10, GOOD)], State.VERIFYING),
        ([(5, GOOD), (10, GOOD), (15, GOOD)], State.KEPT),
        ([(5, GOOD), (10, ILL), (15, GOOD), (20, GOOD)], State.VERIFYING),
        ([(5, GOOD), (10, STALE), (15, GOOD)], State.KEPT),
        ([(5, GOOD), (10, STALE), (20.5, GOOD)], State.VERIFYING),
        ([(5, GOOD), (21, GOOD)], State.VERIFYING),
        ([(5, GOOD), (21, GOOD), (26, GOOD), (31, GOOD)], State.KEPT),
        ([(5, ILL), (59.9, ILL)], State.VERIFYING),
        ([(5, ILL), (60, ILL)], State.NOT_HELPED),
        ([(55, GOOD), (60, GOOD)], State.NOT_HELPED),
        ([(60, None)], State.NOT_HELPED),
        ([(60, STALE)], State.NOT_HELPED),
    ],
)
def test_success_has_to_hold_before_the_deadline(seen: Any, state: State) -> None:
    # More than 15 s between two good ones, blind or without any, begins the hold again.
    assert walk(*seen).state is state


BROKE: dict[str, Any] = {"anomalies": (new(CART),), "graph": GRAPH}
SHORT: dict[str, Any] = {
    "anomalies": (new(CHECKOUT).model_copy(update={"signal": Signal.REPLICAS_SHORT}),)
}
BROKE_OTHER: dict[str, Any] = {
    "anomalies": (new(CART).model_copy(update={"anomaly_id": "other"}),),
    "graph": GRAPH,
}


@pytest.mark.parametrize(
    ("undo", "seen", "state"),
    [
        ("inverse", [(5, BROKE)], State.VERIFYING),
        ("inverse", [(5, BROKE), (10, BROKE)], State.UNDOING),
        ("inverse", [(5, BROKE | {"stale": True}), (10, BROKE)], State.VERIFYING),
        ("inverse", [(5, BROKE), (10, STALE), (15, BROKE)], State.UNDOING),
        ("inverse", [(5, BROKE), (10, GOOD), (15, BROKE)], State.VERIFYING),
        ("inverse", [(5, BROKE), (10, BROKE_OTHER)], State.VERIFYING),
        ("inverse", [(5, SHORT), (10, SHORT)], State.VERIFYING),
        ("inverse", [(5, ILL), (10, ILL)], State.VERIFYING),
        ("keep", [(5, BROKE), (10, BROKE)], State.VERIFYING),
        ("irreversible", [(5, BROKE), (10, BROKE)], State.VERIFYING),
    ],
)
def test_what_two_snapshots_show_to_be_worse_is_taken_back_at_once(
    undo: str, seen: Any, state: State
) -> None:
    found = walk(*seen, undo=undo)
    assert found.state is state
    if state is State.UNDOING:
        assert "image_pull on Deployment" in found.reason


GONE: dict[str, Any] = {"workloads": ()}
KNOWN = Health(desired=1, ready=0, open_anomalies=1, fresh=True)


@pytest.mark.parametrize("undo", ["inverse", "keep", "irreversible"])
@pytest.mark.parametrize(
    ("seen", "before", "state"),
    [
        ([(5, GONE)], KNOWN, State.VERIFYING),
        ([(5, GONE), (10, GONE)], KNOWN, State.NOT_HELPED),
        ([(5, GONE | ILL), (10, GONE | ILL)], KNOWN, State.NOT_HELPED),
        ([(5, GONE), (10, GONE | STALE), (15, GONE)], KNOWN, State.NOT_HELPED),
        ([(5, GONE | STALE), (10, GONE)], KNOWN, State.VERIFYING),
        ([(5, GONE), (10, GOOD), (15, GONE)], KNOWN, State.VERIFYING),
        ([(0.4, GONE), (5, GONE)], KNOWN, State.VERIFYING),
        ([(5, GONE), (10, None), (15, GONE)], KNOWN, State.NOT_HELPED),
        ([(5, GONE), (10, GONE)], None, State.VERIFYING),
        ([(n, GONE | {"workloads_left_out": 1}) for n in (5, 10)], KNOWN, State.VERIFYING),
    ],
)
def test_a_workload_that_two_snapshots_no_longer_have_ends_it(
    undo: str, seen: Any, before: Health | None, state: State
) -> None:
    found = walk(*seen, undo=undo, health_before=before)
    assert found.state is state
    if state is State.NOT_HELPED:
        assert found.reason == "The workload is gone."


def test_the_same_snapshot_does_not_say_twice_that_a_workload_is_gone() -> None:
    begun = walk((5, GONE), health_before=KNOWN)
    sight = Sight(snapshot=snapshot(NOW + dt.timedelta(seconds=5), **GONE))
    assert advance(begun, sight, NOW + dt.timedelta(seconds=6)).record == begun


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([(60, ILL)], State.UNDOING),
        ([(60, STALE)], State.NOT_HELPED),
        ([(60, None)], State.NOT_HELPED),
        ([(60, {"workloads": ()})], State.NOT_HELPED),
    ],
)
def test_what_cannot_be_seen_at_the_deadline_is_not_taken_back(seen: Any, state: State) -> None:
    found = walk(*seen, undo="inverse")
    assert found.state is state
    assert ("could not be seen" in found.reason) is (state is State.NOT_HELPED)


def test_the_same_snapshot_again_proves_nothing_more() -> None:
    begun = walk((5, BROKE), undo="inverse")
    sight = Sight(snapshot=snapshot(NOW + dt.timedelta(seconds=5), **BROKE))
    assert advance(begun, sight, NOW + dt.timedelta(seconds=6)).record == begun


def test_finished_records_are_deleted_after_a_day_and_when_too_many() -> None:
    day = dt.timedelta(days=1, seconds=1)
    old = record(State.KEPT, action_id="old", changed_at=NOW - day, announced=True)
    unannounced = old.model_copy(update={"action_id": "unannounced", "announced": False})
    open_ = record(State.VERIFYING, action_id="open", changed_at=NOW - day)
    assert to_delete((old, unannounced, open_), NOW) == ("old",)
    many = tuple(
        old.model_copy(update={"action_id": str(n), "changed_at": NOW - dt.timedelta(seconds=n)})
        for n in range(MOST_FINISHED + 2)
    )
    assert to_delete(many, NOW) == (str(MOST_FINISHED), str(MOST_FINISHED + 1))
