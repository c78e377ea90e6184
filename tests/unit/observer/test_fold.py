"""What holds whatever comes: the fold never raises, says nothing twice, and stays small."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.objects import (
    NOW,
    container,
    deployment,
    endpoint_slice,
    event,
    node,
    node_lease,
    pod,
    replica_set,
    service,
    waiting,
)
from factories.observed import RULES, Observed, healthy
from ooda.common.cluster.interface import Delta
from ooda.common.cluster.kinds import Kind
from ooda.common.events import SNAPSHOT_LIMIT
from ooda.common.taxonomy import Signal
from ooda.observer.core.fold import step
from ooda.observer.core.inputs import Synced, Tick
from ooda.observer.core.known import CATALOG_LIMIT, bounded
from ooda.observer.core.snapshots import FLOORS
from ooda.observer.core.sources import WATCHED
from ooda.observer.core.state import OPEN_LIMIT, TOMBSTONES_LIMIT, initial

WORDS = st.sampled_from(
    ["metadata", "spec", "status", "name", "namespace", "uid", "containers", "state", "waiting"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


WHOLE = [
    pod(),
    deployment(),
    replica_set(),
    endpoint_slice(ready=["checkout-1-a"]),
    node_lease(0),
    event("Failed", 0, about="checkout-1-a"),
]


@st.composite
def broken_objects(draw: st.DrawFn, whole: dict[str, Any] | None = None) -> dict[str, Any]:
    """Draw a whole object with a few fields replaced by anything."""
    body = copy.deepcopy(whole or draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 3))):
        holder: Any = body
        while isinstance(holder, dict) and holder:
            field = draw(st.sampled_from(sorted(holder)))
            if draw(st.booleans()) or not isinstance(holder[field], dict):
                holder[field] = draw(JSON)
                break
            holder = holder[field]
    return body


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(WATCHED)),
            st.sampled_from(["added", "modified", "deleted"]),
            broken_objects() | st.dictionaries(WORDS, JSON, max_size=4),
        ),
        max_size=8,
    )
)
def test_the_fold_never_raises(deltas: list[tuple[Kind, Any, dict[str, Any]]]) -> None:
    observed = Observed(*healthy())
    for kind, change, body in deltas:
        observed.give(Delta(kind, change, body))
    observed.wait(6)


@pytest.mark.parametrize("whole", WHOLE, ids=lambda each: str(each["kind"]))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_object_of_a_kind_makes_the_fold_raise(
    whole: dict[str, Any], data: st.DataObject
) -> None:
    observed = Observed(*healthy())
    body = data.draw(broken_objects(whole))
    observed.give(Delta(Kind(whole["kind"]), "modified", body))
    observed.wait(1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=12))
def test_duplicates_and_late_deltas_of_an_object_flag_once(order: list[int]) -> None:
    versions = [
        pod("checkout-1-x", version=10, containers=[waiting("ContainerCreating")]),
        pod("checkout-1-x", version=11, containers=[waiting("ErrImagePull")]),
        pod("checkout-1-x", version=12, containers=[waiting("ImagePullBackOff")]),
    ]
    observed = Observed(*healthy())
    observed.tell(versions[2], fresh=False)
    for index in order:
        observed.tell(versions[index], fresh=False)
    observed.wait(5)
    assert observed.signals == [Signal.IMAGE_PULL]
    assert observed.clears == []


def test_what_was_deleted_does_not_come_back() -> None:
    observed = Observed(*healthy())
    observed.tell(pod("checkout-1-x"), "added")
    observed.tell(pod("checkout-1-x"), "deleted")
    observed.tell(pod("checkout-1-x", containers=[waiting("ErrImagePull")]))
    assert "checkout-1-x" not in observed.namespace.pods


def test_memory_is_bounded() -> None:
    state = initial(RULES)
    for kind in WATCHED:
        state, _ = step(state, Synced(kind), NOW)
    for number in range(TOMBSTONES_LIMIT + 500):
        name = f"alone-{number}"
        body = pod(name, owner=None, version=number + 1)
        state, _ = step(state, Delta(Kind.POD, "added", body), NOW)
        state, _ = step(state, Delta(Kind.POD, "deleted", body), NOW)
    assert len(state.tombstones) <= TOMBSTONES_LIMIT
    assert not any(each.pods or each.children for each in state.namespaces.values())


def test_a_storm_is_bounded_and_its_snapshot_fits() -> None:
    observed = Observed()
    for number in range(600):
        bad = [waiting("ErrImagePull", image="x" * 200)] * 3
        observed.tell(pod(f"alone-{number}", owner=None, containers=bad), "added")
    observed.wait(6)
    assert len(observed.flags) == OPEN_LIMIT
    snapshot = observed.snapshot.event
    assert len(snapshot.model_dump_json().encode()) <= SNAPSHOT_LIMIT
    assert len(snapshot.pods) + snapshot.pods_left_out == 600


def crowd(count: int) -> list[dict[str, Any]]:
    """Return so many healthy Deployments, each with a Service."""
    made = [node()]
    for number in range(count):
        name = f"w{number:04}"
        owned = pod(f"{name}-1-a", owner=("ReplicaSet", f"{name}-1"))
        made += [deployment(name), replica_set(f"{name}-1"), owned, service(name, to=name)]
    return made


def test_a_namespace_of_3000_workloads_counts_what_it_leaves_out() -> None:
    observed = Observed(*crowd(3000))
    observed.tell(pod("w2999-1-a", owner=("ReplicaSet", "w2999-1"), ready=False))
    bad = pod("w1500-1-b", owner=("ReplicaSet", "w1500-1"), containers=[waiting("ErrImagePull")])
    observed.tell(bad, "added")
    observed.tell(deployment("w2000", ready=0))
    observed.give(Tick())
    snapshot = observed.snapshot.event
    assert len(snapshot.model_dump_json().encode()) <= SNAPSHOT_LIMIT
    assert len(snapshot.workloads) + snapshot.workloads_left_out == 3000
    assert len(snapshot.workloads) >= FLOORS[2]
    first = [str(each.target).rpartition("/")[2] for each in snapshot.workloads[:3]]
    assert first == ["w1500", "w2999", "w2000"]
    assert snapshot.pods
    assert snapshot.graph


def pods_told(observed: Observed) -> list[str]:
    return [each.name for each in observed.snapshot.event.pods]


def test_a_snapshot_has_all_workloads_and_only_pods_that_matter() -> None:
    observed = Observed(*healthy(3))
    observed.wait(12)
    assert pods_told(observed) == []
    [row] = observed.snapshot.event.workloads
    assert (row.desired, row.ready, row.rolling_out) == (3, 3, False)
    sick = pod("checkout-1-a", containers=[container(ready=False)])
    observed.tell(sick)
    observed.wait(12)
    assert pods_told(observed) == ["checkout-1-a"]


def test_a_large_catalogue_leaves_the_oldest_out() -> None:
    observed = Observed(*healthy())
    observed.wait(45)
    spec = observed.remembered[0].spec
    large = {f"map-{n}": ({"data": {"k": "x" * 60_000}},) * 3 for n in range(10)}
    fitted = bounded(spec.model_copy(update={"config_maps": large}))
    assert len(fitted.model_dump_json(by_alias=True)) <= CATALOG_LIMIT
    assert fitted.workloads
    assert all(len(each) == 1 for each in fitted.config_maps.values())


def test_known_good_is_read_back_and_a_fault_at_the_start_is_never_recorded() -> None:
    before = Observed(*healthy(3))
    before.wait(45)
    catalog = {
        "kind": "KnownGood",
        "metadata": {"name": "catalog", "namespace": before.namespace.name},
        "spec": before.remembered[-1].spec.model_dump(mode="json", by_alias=True),
    }
    after = Observed(catalog, deployment(replicas=0, ready=0, generation=2))
    assert after.signals == [Signal.REPLICAS_SHORT]
    assert after.flags[0].observed["known_good"] == "3"
    after.wait(120)
    assert after.remembered == []


def limited(body: dict[str, Any], memory: str) -> dict[str, Any]:
    """Give a pod's containers, or those of a workload's template, a memory limit."""
    spec = body["spec"].get("template", body)["spec"]
    spec["containers"] = [
        e | {"resources": {"limits": {"memory": memory}}} for e in spec["containers"]
    ]
    return body


@pytest.mark.parametrize(("memory", "known"), [("64Mi", True), ("96Mi", False)])
def test_a_template_whose_pods_have_more_memory_than_it_says_is_not_proven(
    memory: str, *, known: bool
) -> None:
    served = endpoint_slice(ready=["checkout-1-a"])
    objects = (limited(deployment(), "64Mi"), limited(pod(), memory), service(), served)
    observed = Observed(node(), replica_set(), *objects)
    observed.wait(45)
    spec = observed.remembered[-1].spec
    assert bool(spec.workloads["Deployment/checkout"].templates) is known
    assert list(spec.services) == ["checkout"]


def test_a_template_that_was_good_stays_so_while_its_pods_are_resized() -> None:
    objects = (limited(deployment(), "64Mi"), limited(pod(), "64Mi"))
    observed = Observed(node(), replica_set(), *objects)
    observed.wait(45)
    before = observed.remembered[-1].spec.workloads["Deployment/checkout"].templates
    observed.tell(limited(pod("checkout-1-a"), "96Mi"))
    observed.wait(120)
    assert observed.signals == []
    assert observed.remembered[-1].spec.workloads["Deployment/checkout"].templates == before
