"""When a node counts as silent, and when it is not the node."""

from typing import Any

import pytest

from factories.objects import NAMESPACE, node, node_lease
from factories.observed import Observed, healthy
from ooda.common.cluster.interface import Alive
from ooda.common.cluster.kinds import Kind
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import Signal

WORKER, OTHER, THIRD = "ooda-worker", "other", "third"


def cluster(*names: str, worker: dict[str, Any] | None = None) -> Observed:
    """Return an observer that knows these nodes, all of which renew their Leases."""
    objects = [each for each in healthy(2) if each["kind"] != "Node"]
    observed = Observed(
        worker or node(),
        *objects,
        *(node(each) for each in names if each != WORKER),
        *(node_lease(0, each) for each in names),
    )
    beating(observed, 30, *names)
    assert observed.flags == []
    return observed


def beating(observed: Observed, seconds: float, *names: str) -> None:
    """Let time pass in which these nodes renew their Leases every ten seconds."""
    for _ in range(int(seconds // 10)):
        observed.wait(10)
        for each in names:
            observed.tell(node_lease(observed.seconds, each))


def test_a_node_that_falls_silent_is_flagged_before_its_condition_turns() -> None:
    observed = cluster(WORKER, OTHER, THIRD)
    last = observed.seconds
    beating(observed, 20, OTHER, THIRD)
    assert observed.flags == []
    beating(observed, 10, OTHER, THIRD)
    [flag] = observed.flags
    assert (flag.signal, flag.target) == (Signal.NODE_SILENT, NodeTarget(name=WORKER))
    assert flag.namespace is None
    assert (flag.occurred_at - flag.since).total_seconds() <= 25
    assert (flag.since - observed.now).total_seconds() == last - observed.seconds
    assert flag.observed["pods"] == f"{NAMESPACE}/checkout-1-a, {NAMESPACE}/checkout-1-b"
    assert "has not renewed its Lease for 20 s, 2 pods are on it" in flag.summary


def test_it_is_in_the_snapshot_of_every_namespace() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    observed.wait(6)
    anomalies = observed.snapshot.event.anomalies
    assert [each.anomaly_id for each in anomalies] == [observed.flags[0].anomaly_id]


def test_it_is_cleared_when_it_is_heard_again() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    beating(observed, 10, WORKER, OTHER)
    observed.wait(1)
    assert observed.signals == [Signal.NODE_SILENT]
    assert observed.clears == [Signal.NODE_SILENT]


def test_it_is_cleared_when_the_node_is_deleted() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    observed.tell(node(), "deleted")
    observed.wait(1)
    assert observed.clears == [Signal.NODE_SILENT]


def test_if_no_node_is_heard_it_is_not_the_nodes() -> None:
    observed = cluster(WORKER, OTHER, THIRD)
    observed.wait(60)
    assert observed.flags == []


def test_one_that_is_silent_stays_so_while_none_is_heard() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    observed.wait(60)
    assert observed.signals == [Signal.NODE_SILENT]
    assert observed.clears == []


def test_the_only_node_is_never_blamed() -> None:
    observed = cluster(WORKER)
    observed.wait(60)
    assert observed.flags == []


def test_a_watch_that_stalls_makes_no_node_silent() -> None:
    observed = cluster(WORKER, OTHER)
    observed.wait(9)
    observed.tell(node_lease(observed.seconds, OTHER))
    for _ in range(6):
        observed.wait(5, alive=False)
        for kind in set(Kind) - {Kind.LEASE}:
            observed.give(Alive(kind))
    assert observed.flags == []


def test_blind_it_neither_flags_nor_clears() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    observed.wait(120, alive=False)
    assert observed.signals == [Signal.NODE_SILENT]
    assert observed.clears == []


@pytest.mark.parametrize("before", [True, False])
def test_a_node_that_was_cordoned_before_is_being_worked_on(*, before: bool) -> None:
    observed = cluster(WORKER, OTHER, worker=node(cordoned=before))
    beating(observed, 40, OTHER)
    observed.tell(node(cordoned=True))
    beating(observed, 10, OTHER)
    assert observed.signals == ([] if before else [Signal.NODE_SILENT])
    assert observed.clears == []


def test_a_clock_that_is_behind_makes_no_node_silent_when_the_observer_begins() -> None:
    observed = Observed(*healthy(), node(OTHER), node_lease(-300), node_lease(0, OTHER))
    for _ in range(5):
        observed.wait(8)
        observed.tell(node_lease(observed.seconds - 300))
        observed.tell(node_lease(observed.seconds, OTHER))
    assert observed.flags == []


def test_a_node_that_was_silent_when_the_observer_began_is_flagged() -> None:
    observed = Observed(*healthy(), node(OTHER), node_lease(-60), node_lease(0, OTHER))
    observed.wait(8)
    assert observed.flags == []
    beating(observed, 10, OTHER)
    assert observed.signals == [Signal.NODE_SILENT]


def test_a_new_observer_knows_what_was_flagged_and_says_it_once() -> None:
    observed = cluster(WORKER, OTHER)
    beating(observed, 40, OTHER)
    flag = observed.flags[0]
    again = Observed(
        *healthy(2), node(OTHER), node_lease(-60), node_lease(0, OTHER), flagged=(flag,)
    )
    assert again.state.silent == {WORKER: flag}
    beating(again, 20, OTHER)
    assert again.flags == []
    assert again.clears == []
    beating(again, 10, WORKER, OTHER)
    again.wait(1)
    assert again.clears == [Signal.NODE_SILENT]
