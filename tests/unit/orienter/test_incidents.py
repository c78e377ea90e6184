"""Which anomalies become one incident, and what becomes of it."""

import datetime as dt

import pytest

from factories.diagnosis import (
    CHECKOUT,
    DATABASE,
    PAYMENT,
    WEIGHTS,
    anomaly,
    anomaly_flagged,
    calls,
    workload,
)
from factories.events import NAMESPACE, NOW, make
from ooda.common.events import ActionExecuted, AnomalyCleared, GraphEdge, IncidentClosed, derive_id
from ooda.common.targets import NodeTarget, PodTarget, ServiceAccountTarget, ServiceTarget
from ooda.common.taxonomy import Closure, FailureClass, Outcome, Signal
from ooda.orienter.core import incidents
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.incidents import Step
from ooda.orienter.core.records import Incident, Member

POD = PodTarget(namespace=NAMESPACE, name="checkout-1")
OWNS = GraphEdge(relation="owns", source=CHECKOUT, sink=POD)
EDGE = calls(CHECKOUT, PAYMENT)
SERVICE = ServiceTarget(namespace=NAMESPACE, name="shop")
SHARED, OTHER = f"ConfigMap {NAMESPACE}/shared", f"ConfigMap {NAMESPACE}/other"
ROLE, BINDING = f"Role {NAMESPACE}/reader", f"RoleBinding {NAMESPACE}/reader"
READER = ServiceAccountTarget(namespace=NAMESPACE, name="reader")
WRITER = ServiceAccountTarget(namespace=NAMESPACE, name="writer")
FULL = f"ResourceQuota {NAMESPACE}/small"
PLACED = GraphEdge(relation="placed_on", source=PAYMENT, sink=NodeTarget(name="worker"))

Book = dict[str, Incident]


def apply(book: Book, step: Step) -> Step:
    book.update({each.incident_id: each for each in step.changed})
    return step


def flag(book: Book, member: Member, *edges: GraphEdge, later: float = 0) -> Step:
    now = NOW + dt.timedelta(seconds=later)
    event = anomaly_flagged(member)
    return apply(book, incidents.flagged(book, event, Graph(edges), WEIGHTS.join, now))


def clear(book: Book, member: Member) -> Step:
    event = make(
        AnomalyCleared,
        anomaly_id=member.anomaly_id,
        signal=member.signal,
        target=member.target,
        since=member.since,
    )
    return apply(book, incidents.cleared(book, event, NOW))


def execute(book: Book, incident_id: str, outcome: Outcome, action: str = "one") -> Step:
    event = make(ActionExecuted, incident_id=incident_id, outcome=outcome, action_id=action)
    return apply(book, incidents.executed(book, event, NOW))


CRASH = anomaly(Signal.CRASH_LOOP, node="worker")

JOINED = {
    "same workload": (CRASH, anomaly(Signal.REPLICAS_SHORT), ()),
    "a pod of the workload": (CRASH, anomaly(Signal.CONTAINER_STUCK, POD, component=POD), (OWNS,)),
    "same workload, minutes later": (CRASH, anomaly(Signal.REPLICAS_SHORT, after=300), ()),
    "caller after callee": (
        anomaly(Signal.IMAGE_PULL, PAYMENT),
        anomaly(Signal.CRASH_LOOP, CHECKOUT, after=20),
        (EDGE,),
    ),
    "callee shortly after its caller": (
        anomaly(Signal.CRASH_LOOP, CHECKOUT),
        anomaly(Signal.IMAGE_PULL, PAYMENT, after=4),
        (EDGE,),
    ),
    "a Service and the workload that it led to": (
        anomaly(Signal.ENDPOINTS_LOST, SERVICE, related=(PAYMENT,)),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, reason="NotReady"),
        (),
    ),
    "a workload and the Service in front of it": (
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, related=(SERVICE,)),
        anomaly(Signal.ENDPOINTS_LOST, SERVICE),
        (),
    ),
    "one ConfigMap that lost a key": (
        anomaly(Signal.CONTAINER_STUCK, shares=(SHARED,), reason="CreateContainerConfigError"),
        anomaly(Signal.CRASH_LOOP, PAYMENT, shares=(OTHER, SHARED), after=20),
        (),
    ),
    "one quota, whenever it is hit": (
        anomaly(Signal.REPLICAS_SHORT, shares=(FULL,)),
        anomaly(Signal.REPLICAS_SHORT, PAYMENT, shares=(FULL,), after=600),
        (),
    ),
    "one Role by which two accounts lost something": (
        anomaly(Signal.ACCESS_DENIED, READER, shares=(ROLE,)),
        anomaly(Signal.ACCESS_DENIED, WRITER, shares=(BINDING, ROLE), after=1),
        (),
    ),
    "the successor of a pod of a silent node finds no place": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, reason="Unschedulable", after=330),
        (PLACED,),
    ),
    "a caller that waits for its callee": (
        anomaly(Signal.CRASH_LOOP, PAYMENT),
        anomaly(Signal.CONTAINER_STUCK, CHECKOUT, reason="NotReady", after=20),
        (EDGE,),
    ),
    "pods that one node put out": (
        anomaly(Signal.POD_LOST, node="worker", reason="Evicted"),
        anomaly(Signal.POD_LOST, PAYMENT, node="worker", reason="Evicted"),
        (),
    ),
    "the node itself": (
        anomaly(Signal.POD_LOST, node="worker"),
        anomaly(Signal.CONTAINER_STUCK, NodeTarget(name="worker")),
        (),
    ),
    "replicas short on a node that fell silent, when the node controller says so": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.REPLICAS_SHORT, PAYMENT, node="worker", after=50),
        (),
    ),
    "a pod that is evicted from a silent node after its time": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.POD_LOST, PAYMENT, node="worker", after=350),
        (),
    ),
    "a pod that was lost just before its node was flagged": (
        anomaly(Signal.POD_LOST, PAYMENT, node="worker", after=3),
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        (),
    ),
}

APART = {
    "two workloads behind one Service": (
        anomaly(Signal.CRASH_LOOP, related=(SERVICE,)),
        anomaly(Signal.CRASH_LOOP, PAYMENT, related=(SERVICE,)),
        (),
    ),
    "two ConfigMaps that changed": (
        anomaly(Signal.CONTAINER_STUCK, shares=(OTHER,)),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, shares=(SHARED,)),
        (),
    ),
    "one ConfigMap that changed, and an image that is not its doing": (
        anomaly(Signal.CONTAINER_STUCK, shares=(SHARED,)),
        anomaly(Signal.IMAGE_PULL, PAYMENT, shares=(SHARED,)),
        (),
    ),
    "one ConfigMap that changed, and a pod that fits on no node": (
        anomaly(Signal.CONTAINER_STUCK, shares=(SHARED,)),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, shares=(SHARED,), reason="Unschedulable"),
        (),
    ),
    "one ConfigMap, minutes later": (
        anomaly(Signal.CONTAINER_STUCK, shares=(SHARED,)),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, shares=(SHARED,), after=120),
        (),
    ),
    "two accounts that lost something by a Role each": (
        anomaly(Signal.ACCESS_DENIED, READER, shares=(ROLE,)),
        anomaly(Signal.ACCESS_DENIED, WRITER, shares=(f"{ROLE}-too",)),
        (),
    ),
    "a Role and a RoleBinding of one name": (
        anomaly(Signal.ACCESS_DENIED, READER, shares=(ROLE,)),
        anomaly(Signal.ACCESS_DENIED, WRITER, shares=(BINDING,)),
        (),
    ),
    "one Role, changed again minutes later": (
        anomaly(Signal.ACCESS_DENIED, READER, shares=(ROLE,)),
        anomaly(Signal.ACCESS_DENIED, WRITER, shares=(ROLE,), after=120),
        (),
    ),
    "two quotas": (
        anomaly(Signal.REPLICAS_SHORT, shares=(FULL,)),
        anomaly(Signal.REPLICAS_SHORT, PAYMENT, shares=(FULL + "-too",)),
        (),
    ),
    "pods that somebody deleted on one node": (
        anomaly(Signal.POD_LOST, node="worker", reason="deleted"),
        anomaly(Signal.POD_LOST, PAYMENT, node="worker", reason="deleted"),
        (),
    ),
    "a workload with a pod on a silent node that is told to have too few": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.REPLICAS_SHORT, PAYMENT, after=50),
        (PLACED,),
    ),
    "a caller whose own image cannot be pulled": (
        anomaly(Signal.CRASH_LOOP, PAYMENT),
        anomaly(Signal.IMAGE_PULL, CHECKOUT, after=2),
        (EDGE,),
    ),
    "a caller that lacks a key of its own": (
        anomaly(Signal.CRASH_LOOP, PAYMENT),
        anomaly(Signal.CONTAINER_STUCK, CHECKOUT, reason="CreateContainerConfigError", after=2),
        (EDGE,),
    ),
    "replicas short on another node than the silent one": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.REPLICAS_SHORT, PAYMENT, node="other", after=5),
        (),
    ),
    "a crash loop on a node that fell silent later": (
        anomaly(Signal.CRASH_LOOP, PAYMENT, node="worker", after=-200),
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        (),
    ),
    "a pod lost long after its node was silent": (
        anomaly(Signal.NODE_SILENT, NodeTarget(name="worker"), node="worker"),
        anomaly(Signal.POD_LOST, PAYMENT, node="worker", after=500),
        (),
    ),
    "two unrelated crash loops on one node": (
        CRASH,
        anomaly(Signal.CRASH_LOOP, PAYMENT, node="worker"),
        (),
    ),
    "callee long after its caller": (
        anomaly(Signal.CRASH_LOOP, CHECKOUT),
        anomaly(Signal.IMAGE_PULL, PAYMENT, after=10),
        (EDGE,),
    ),
    "caller much later": (
        anomaly(Signal.IMAGE_PULL, PAYMENT),
        anomaly(Signal.CRASH_LOOP, CHECKOUT, after=40),
        (EDGE,),
    ),
    "related to the same node only": (
        anomaly(Signal.CRASH_LOOP, related=(NodeTarget(name="worker"),)),
        anomaly(Signal.CRASH_LOOP, PAYMENT, related=(NodeTarget(name="worker"),)),
        (),
    ),
}


@pytest.mark.parametrize(("first", "second", "edges"), JOINED.values(), ids=JOINED)
def test_one_incident(first: Member, second: Member, edges: tuple[GraphEdge, ...]) -> None:
    book: Book = {}
    opened = flag(book, first, *edges)
    extended = flag(book, second, *edges)

    (incident,) = book.values()
    assert opened.diagnose == extended.diagnose == incident.incident_id
    assert incident.incident_id == derive_id("incident", first.anomaly_id)
    assert (incident.attempt, incident.reason, incident.pending) == (2, "extended", True)
    assert len(incident.members) == 2


@pytest.mark.parametrize(("first", "second", "edges"), APART.values(), ids=APART)
def test_two_incidents(first: Member, second: Member, edges: tuple[GraphEdge, ...]) -> None:
    book: Book = {}
    flag(book, first, *edges)
    flag(book, second, *edges)

    assert [each.attempt for each in book.values()] == [1, 1]


def test_an_anomaly_between_two_incidents_makes_them_one() -> None:
    book: Book = {}
    flag(book, anomaly(Signal.CRASH_LOOP, workload("storefront")))
    flag(book, anomaly(Signal.IMAGE_PULL, PAYMENT, after=1), later=1)
    edges = (calls(workload("storefront"), CHECKOUT), EDGE)

    step = flag(book, anomaly(Signal.CRASH_LOOP, CHECKOUT, after=2), *edges, later=2)

    elder, younger = step.changed
    assert step.diagnose == elder.incident_id
    assert elder.absorbed == (younger.incident_id,)
    assert len(elder.members) == 3
    assert (younger.state, younger.merged_into) == ("merged", elder.incident_id)


def test_a_diagnosis_that_blames_another_incident_makes_them_one() -> None:
    """A database has no call edge that metrics know: only a log names it."""
    book: Book = {}
    flag(book, anomaly(Signal.CRASH_LOOP, DATABASE))
    flag(book, anomaly(Signal.CRASH_LOOP, CHECKOUT, after=2), later=2)
    database, checkout = book.values()

    step = apply(book, incidents.same_cause(book, checkout, DATABASE, NOW))

    assert step.diagnose == database.incident_id
    assert book[checkout.incident_id].merged_into == database.incident_id
    assert book[database.incident_id].attempt == 2
    assert incidents.same_cause(book, book[database.incident_id], DATABASE, NOW) == Step()


@pytest.mark.parametrize(("cause", "one"), [(SHARED, True), (OTHER, False), (None, False)])
def test_two_diagnoses_that_blame_one_config_map_are_one_incident(
    cause: str | None, *, one: bool
) -> None:
    book: Book = {}
    flag(book, anomaly(Signal.CONTAINER_STUCK, CHECKOUT, shares=(SHARED,)))
    flag(book, anomaly(Signal.CONTAINER_STUCK, PAYMENT, shares=(SHARED,), after=90), later=90)
    checkout, payment = book.values()
    book[checkout.incident_id] = incidents.diagnosed(
        checkout, FailureClass.CONFIG_ERROR, CHECKOUT, NOW, cause=SHARED
    )

    step = incidents.same_cause(book, payment, PAYMENT, NOW, cause)

    assert step.diagnose == (checkout.incident_id if one else None)


def test_an_anomaly_that_comes_again_changes_nothing() -> None:
    book: Book = {}
    flag(book, CRASH)
    before = dict(book)

    assert flag(book, CRASH) == Step(diagnose=next(iter(book)))
    assert book == before


def test_cleared_before_flagged_opens_nothing() -> None:
    book: Book = {}
    clear(book, CRASH)

    assert flag(book, CRASH) == Step()
    assert [each.state for each in book.values()] == ["closed"]


def test_cleared_is_remembered_once() -> None:
    book: Book = {}
    flag(book, CRASH)

    assert len(clear(book, CRASH).changed) == 1
    assert clear(book, CRASH) == Step()
    assert next(iter(book.values())).still_open == ()


def test_an_ended_incident_is_not_opened_again_by_what_it_knows() -> None:
    book: Book = {}
    flag(book, CRASH)
    (incident_id,) = book
    event = make(IncidentClosed, incident_id=incident_id, closure=Closure.RESOLVED)
    apply(book, incidents.closed(book, event, NOW))

    assert flag(book, CRASH) == Step()
    assert incidents.closed(book, event, NOW) == Step()
    later = flag(book, anomaly(Signal.CRASH_LOOP, after=60))
    assert later.diagnose is not None
    assert later.diagnose != incident_id


@pytest.mark.parametrize("outcome", [Outcome.UNDONE, Outcome.NOT_HELPED])
def test_what_did_not_help_is_diagnosed_again_once(outcome: Outcome) -> None:
    book: Book = {}
    flag(book, CRASH)
    (incident_id,) = book
    book[incident_id] = incidents.diagnosed(
        book[incident_id], FailureClass.CRASH_LOOP, CHECKOUT, NOW
    )

    step = execute(book, incident_id, outcome)
    again = execute(book, incident_id, outcome)

    incident = book[incident_id]
    assert step.diagnose == again.diagnose == incident_id
    assert (incident.attempt, incident.reason) == (2, "not_helped")
    (tried,) = incident.tried
    assert (tried.failure_class, tried.component) == (FailureClass.CRASH_LOOP, CHECKOUT)


def test_what_did_not_help_is_not_diagnosed_again_if_nothing_is_open() -> None:
    book: Book = {}
    flag(book, CRASH)
    (incident_id,) = book
    book[incident_id] = incidents.diagnosed(
        book[incident_id], FailureClass.CRASH_LOOP, CHECKOUT, NOW
    )
    clear(book, CRASH)

    assert execute(book, incident_id, Outcome.NOT_HELPED) == Step()
    assert (book[incident_id].state, book[incident_id].attempt) == ("open", 1)


def test_what_cleared_before_its_first_diagnosis_has_ended() -> None:
    book: Book = {}
    flag(book, CRASH)
    (incident_id,) = book
    assert incidents.due(book[incident_id])

    clear(book, CRASH)

    assert not incidents.due(book[incident_id])
    assert (book[incident_id].state, book[incident_id].pending) == ("closed", False)
    assert flag(book, CRASH) == Step()


def test_what_expired_is_diagnosed_again_while_something_is_open() -> None:
    book: Book = {}
    flag(book, CRASH)
    (incident_id,) = book
    assert execute(book, incident_id, Outcome.EXPIRED).diagnose == incident_id
    assert book[incident_id].reason == "expired"

    clear(book, CRASH)
    assert execute(book, incident_id, Outcome.EXPIRED, "two") == Step()


@pytest.mark.parametrize(
    "outcome", [Outcome.KEPT, Outcome.REFUSED, Outcome.CONFLICT, Outcome.UNDO_CONFLICT]
)
def test_other_ends_of_an_action_are_not_for_us(outcome: Outcome) -> None:
    book: Book = {}
    flag(book, CRASH)

    assert execute(book, next(iter(book)), outcome) == Step()


def test_ended_incidents_are_forgotten_when_no_event_can_come_again() -> None:
    book: Book = {}
    flag(book, CRASH)
    clear(book, anomaly(Signal.CRASH_LOOP, PAYMENT))
    later = NOW + incidents.KEPT_AFTER_END + dt.timedelta(seconds=1)

    assert len(incidents.forgettable(book, later)) == 1
    assert incidents.forgettable(book, NOW) == ()


def test_an_action_of_a_merged_incident_counts_for_the_one_that_goes_on() -> None:
    book: Book = {}
    flag(book, anomaly(Signal.CRASH_LOOP, DATABASE))
    flag(book, anomaly(Signal.CRASH_LOOP, CHECKOUT, after=2), later=2)
    database, checkout = book.values()
    apply(book, incidents.same_cause(book, checkout, DATABASE, NOW))

    step = execute(book, checkout.incident_id, Outcome.NOT_HELPED)

    assert step.diagnose == database.incident_id


def test_an_anomaly_that_flaps_does_not_grow_the_record_for_ever() -> None:
    book: Book = {}
    kept = anomaly(Signal.REPLICAS_SHORT)
    flag(book, kept)
    for n in range(incidents.CLEARED_KEPT + 20):
        flapping = anomaly(Signal.CRASH_LOOP, after=n)
        flag(book, flapping)
        clear(book, flapping)

    (incident,) = book.values()
    assert len(incident.members) <= incidents.CLEARED_KEPT + 2
    assert [each.anomaly_id for each in incident.still_open] == [kept.anomaly_id]
