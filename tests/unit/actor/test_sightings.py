import datetime as dt
from typing import Any

import pytest

from factories.actions import record, snapshot
from factories.events import NOW, make, request
from ooda.actor.core.guards import Symptom
from ooda.actor.core.record import begin
from ooda.actor.sightings import FORGET_AFTER, Sightings
from ooda.common.events import AnomalyCleared, AnomalyFlagged, DecisionMade
from ooda.common.targets import NodeTarget

AFTER = NOW + dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seen", "age", "expected"),
    [
        (None, 0, Symptom.UNKNOWN),
        (snapshot(AFTER, ill=True), 0, Symptom.OPEN),
        (snapshot(AFTER, ill=True), 15, Symptom.OPEN),
        (snapshot(AFTER, ill=True), 15.001, Symptom.UNKNOWN),
        (snapshot(AFTER, ill=True, stale=True), 0, Symptom.UNKNOWN),
        (snapshot(AFTER, ill=True, freshness=()), 0, Symptom.UNKNOWN),
        (snapshot(AFTER), 0, Symptom.GONE),
        (snapshot(AFTER), 15.001, Symptom.UNKNOWN),
        (snapshot(AFTER, stale=True), 0, Symptom.UNKNOWN),
        (snapshot(NOW - dt.timedelta(seconds=1)), 0, Symptom.UNKNOWN),
    ],
)
def test_an_anomaly_is_known_by_a_fresh_snapshot_only(
    seen: Any, age: float, expected: Symptom
) -> None:
    sightings = Sightings()
    if seen is not None:
        sightings.seen(seen)
    assert sightings.symptom(record(), AFTER + dt.timedelta(seconds=age)) is expected


def test_events_say_it_sooner_than_the_next_snapshot() -> None:
    sightings = Sightings()
    sightings.flagged(make(AnomalyFlagged, occurred_at=NOW))
    assert sightings.symptom(record(), AFTER) is Symptom.UNKNOWN
    sightings.seen(snapshot(AFTER))
    assert sightings.symptom(record(), AFTER) is Symptom.OPEN
    sightings.cleared(make(AnomalyCleared, occurred_at=AFTER))
    assert sightings.symptom(record(), AFTER) is Symptom.GONE


def test_forgets_a_namespace_that_is_long_silent() -> None:
    sightings = Sightings()
    sightings.seen(snapshot(NOW, namespace="deleted"))
    sightings.seen(snapshot(NOW + FORGET_AFTER, namespace="shop"))
    assert sightings.snapshot("deleted") is not None
    sightings.seen(snapshot(NOW + FORGET_AFTER + dt.timedelta(seconds=5), namespace="shop"))
    assert sightings.snapshot("deleted") is None
    assert sightings.snapshot("shop") is not None


def test_what_is_in_no_namespace_is_known_by_the_newest_snapshot_of_all() -> None:
    node = begin(
        make(DecisionMade, request=request(target=NodeTarget(name="worker")), namespace=None), NOW
    )
    sightings = Sightings()
    assert sightings.symptom(node, AFTER) is Symptom.UNKNOWN
    sightings.seen(snapshot(AFTER, namespace="shop"))
    sightings.seen(snapshot(AFTER + dt.timedelta(seconds=1), ill=True, namespace="other"))
    assert sightings.symptom(node, AFTER + dt.timedelta(seconds=2)) is Symptom.OPEN
