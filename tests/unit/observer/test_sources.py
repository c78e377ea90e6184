"""What EndpointSlices and the Leases of nodes add: who serves, and which nodes are silent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.objects import (
    deployment,
    endpoint_slice,
    meta,
    node,
    node_lease,
    pod,
    replica_set,
    service,
)
from factories.observed import Observed, healthy
from ooda.common.cluster.interface import Alive
from ooda.common.cluster.kinds import Kind
from ooda.common.taxonomy import Signal
from ooda.observer.core import graph


def beating(observed: Observed, seconds: float, *names: str) -> None:
    """Let time pass in which these nodes renew their Leases."""
    for _ in range(int(seconds // 10)):
        for each in names:
            observed.tell(node_lease(observed.seconds, each))
        observed.wait(10)


def nodes_lost(observed: Observed) -> tuple[str, ...]:
    return observed.snapshot.event.nodes_lost


def test_the_ready_endpoints_of_a_service_are_counted_over_its_slices() -> None:
    observed = Observed(
        *healthy(3),
        service(),
        endpoint_slice("checkout-x", ready=["checkout-1-a"], unready=["checkout-1-c"]),
        endpoint_slice("checkout-y", ready=["checkout-1-a", "checkout-1-b"]),
    )
    assert graph.ready_endpoints(observed.namespace, "checkout") == 2
    assert graph.ready_endpoints(observed.namespace, "another") is None
    observed.tell(endpoint_slice("checkout-y", unready=["checkout-1-b"]))
    assert graph.ready_endpoints(observed.namespace, "checkout") == 1
    observed.tell(pod(deleted=0))
    observed.wait(1)
    [flag] = observed.flags
    assert flag.observed["ready_endpoints"] == "checkout 1"
    observed.tell(endpoint_slice("checkout-x"), "deleted")
    assert graph.ready_endpoints(observed.namespace, "checkout") == 0


@pytest.mark.parametrize("selects", [True, False])
def test_a_service_is_joined_to_a_workload_by_its_endpoints_too(*, selects: bool) -> None:
    without = service() | {"spec": {}}
    observed = Observed(
        *healthy(),
        service() if selects else without,
        endpoint_slice(ready=["checkout-1-a", "checkout-1-gone"]),
    )
    observed.wait(6)
    edges = [each for each in observed.snapshot.event.graph if each.relation == "selects"]
    assert [(str(each.source), str(each.sink)) for each in edges] == [
        (
            "service fault-injection-shop/checkout",
            "Deployment fault-injection-shop/checkout",
        )
    ]


@pytest.mark.parametrize(("silent", "flagged"), [(0, True), (30, False)])
def test_pods_of_a_node_that_renews_no_lease_are_not_lost_by_themselves(
    silent: float, *, flagged: bool
) -> None:
    observed = Observed(*healthy(2), node("other"), node_lease(0), node_lease(0, "other"))
    beating(observed, 40, "ooda-worker", "other")
    beating(observed, silent, "other")
    observed.tell(node_lease(observed.seconds, "other"))
    observed.tell(pod(deleted=observed.seconds))
    observed.wait(1)
    assert observed.signals == ([Signal.POD_LOST] if flagged else [Signal.NODE_SILENT])
    observed.wait(6)
    assert nodes_lost(observed) == (() if flagged else ("ooda-worker",))


def test_a_watch_of_leases_that_stalls_makes_no_node_lost() -> None:
    observed = Observed(*healthy(2), node_lease(0))
    for _ in range(3):
        observed.wait(10, alive=False)
        for kind in set(Kind) - {Kind.LEASE}:
            observed.give(Alive(kind))
    observed.tell(pod(deleted=observed.seconds))
    observed.wait(1)
    assert observed.signals == [Signal.POD_LOST]


def test_the_clock_of_a_node_may_be_wrong() -> None:
    observed = Observed(*healthy(2), node_lease(-300))
    for now in range(0, 60, 10):
        observed.tell(node_lease(now - 300))
        observed.wait(10)
    observed.wait(6)
    assert nodes_lost(observed) == ()


def test_a_node_that_was_silent_before_the_observer_began_is_lost() -> None:
    observed = Observed(*healthy(), node_lease(-60))
    observed.wait(6)
    assert nodes_lost(observed) == ("ooda-worker",)
    observed.tell(node_lease(-60), "deleted")
    observed.wait(6)
    assert nodes_lost(observed) == ()


def test_leases_change_nothing_but_the_sign_of_life() -> None:
    observed = Observed(deployment(), replica_set(), node(), node_lease(0))
    before, said = observed.state, len(observed.said)
    observed.seconds = 10
    observed.tell(node_lease(10))
    assert observed.state.namespaces is before.namespaces
    assert observed.state.tombstones is before.tombstones
    assert len(observed.said) == said


LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2)


@given(st.lists(st.tuples(st.sampled_from("mno"), st.none() | LABELS, st.booleans()), max_size=8))
def test_who_selects_a_workload_is_found_as_if_all_were_looked_at(
    changes: list[tuple[str, dict[str, str] | None, bool]],
) -> None:
    workload = deployment()
    workload["spec"]["template"]["metadata"]["labels"] = {"a": "x", "b": "y"}
    observed = Observed(workload)
    for number, (name, labels, gone) in enumerate(changes):
        policy = {"kind": "NetworkPolicy", "metadata": meta(name, uid=f"uid-{number}")}
        selector = {} if labels is None else {"podSelector": {"matchLabels": labels}}
        observed.tell(policy | {"spec": selector})
        if gone:
            observed.tell(policy, "deleted")
    space = observed.namespace
    found = graph.selecting(space, ("Deployment", "checkout"), Kind.NETWORK_POLICY)
    expected = [
        each
        for _, each in sorted(space.contents.items())
        if graph.selects(each.selector, {"a": "x", "b": "y"})
    ]
    assert found == expected
    assert all(space.selectors.values())
