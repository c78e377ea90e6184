"""What is kept in one record has to fit into one message, however much happens."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from factories.decider import started, world
from factories.events import NOW, make
from ooda.common.bus.asking import MAX_BODY
from ooda.common.events import AnomalyCleared, AnomalyFlagged
from ooda.decider.core.absorbing import CLEARED_KEPT, Sighted, absorb, opened_by
from ooda.decider.core.record import SIGHTINGS_KEPT, Entry, Sighting, Sightings


def later(seconds: int) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def cleared(number: int) -> Sighting:
    return Sighting(
        since=later(number), flagged_at=later(number), cleared_at=later(number), pod="x" * 60
    )


def flagged(number: int) -> Sighting:
    return Sighting(since=later(number), flagged_at=later(number), pod="x" * 60)


@settings(deadline=None)  # what is kept counts, not how fast a busy machine is
@given(st.integers(0, 50), st.integers(0, 50))
def test_too_many_sightings_lose_the_oldest_cleared_ones_first(gone: int, more: int) -> None:
    seen = {f"gone-{each}": cleared(each) for each in range(gone)}
    seen |= {f"open-{each}": flagged(each) for each in range(SIGHTINGS_KEPT - 25 + more)}
    kept = Sightings(seen=seen).prune(later(-1)).seen
    assert len(kept) == min(len(seen), SIGHTINGS_KEPT)
    lost = len(seen) - len(kept)
    oldest = [f"gone-{each}" for each in range(gone)] + [f"open-{each}" for each in range(lost)]
    assert seen.keys() - kept.keys() == set(oldest[:lost])


def test_as_many_sightings_as_are_kept_fit_into_a_message() -> None:
    seen = {f"{each:064}": cleared(each) for each in range(2 * SIGHTINGS_KEPT)}
    kept = Sightings(seen=seen).prune(later(-1))
    assert len(Entry(content=kept).model_dump_json()) < 0.7 * MAX_BODY


def test_an_incident_keeps_what_is_open_and_the_newest_of_what_was_cleared() -> None:
    incident = opened_by(started())
    ids = tuple(f"anomaly-{each}" for each in range(CLEARED_KEPT + 10))
    record = incident.model_copy(update={"anomalies": ("open", *ids), "cleared": ()})
    seen = {"open": flagged(0)} | {each: cleared(n) for n, each in enumerate(ids)}
    for _ in range(2):
        record = absorb(record, Sighted(), Sightings(seen=seen), world().limits, NOW)
        assert record.anomalies == ("open", *ids[10:])
        assert record.cleared == ids[10:]
        assert record.open_anomalies == ("open",)


def test_a_late_event_of_what_was_cleared_does_not_open_it_again() -> None:
    flag, clear = make(AnomalyFlagged), make(AnomalyCleared)
    seen = Sightings().add(clear, NOW).add(flag, NOW).prune(later(-1))
    assert seen.seen[flag.anomaly_id].cleared_at == NOW
