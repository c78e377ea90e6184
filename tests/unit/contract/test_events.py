import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from factories.events import NOW, make
from ooda.common.events import (
    EVENTS,
    AnomalyFlagged,
    Event,
    ReviewAnswered,
    UnknownSubjectError,
    derive_id,
    event_class,
    parse_event,
)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_survives_the_wire(event: type[Event]) -> None:
    made = make(event)
    assert parse_event(made.subject_of(), made.model_dump_json()) == made


@pytest.mark.parametrize("event", EVENTS)
def test_unknown_fields_are_ignored(event: type[Event]) -> None:
    made = make(event)
    newer = made.model_dump_json()[:-1] + ',"a_field_of_the_future": {"x": 1}}'
    assert parse_event(made.subject_of(), newer) == made


@pytest.mark.parametrize("event", EVENTS)
def test_events_are_immutable(event: type[Event]) -> None:
    with pytest.raises(ValidationError):
        setattr(make(event), "summary", "rewritten")  # noqa: B010 - what mypy would not let through


def test_subjects_are_distinct() -> None:
    assert len({event.subject for event in EVENTS}) == len(EVENTS)


def test_a_summary_is_bounded() -> None:
    make(AnomalyFlagged, summary="x" * 400)
    with pytest.raises(ValidationError, match="at most 400"):
        make(AnomalyFlagged, summary="x" * 401)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        make(AnomalyFlagged, occurred_at=NOW.replace(tzinfo=None))


def test_times_are_utc_and_milliseconds() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    given_time = dt.datetime(2026, 1, 1, 2, 0, 0, 123_999, tzinfo=east)
    made = make(AnomalyFlagged, occurred_at=given_time).occurred_at
    assert made.isoformat() == "2026-01-01T00:00:00.123000+00:00"


@given(st.lists(st.one_of(st.text(), st.integers()), min_size=1))
def test_ids_are_computed(parts: list[str | int]) -> None:
    assert derive_id(*parts) == derive_id(*parts)


def test_where_parts_end_matters() -> None:
    assert derive_id("ab", "c") != derive_id("a", "bc")


def test_ids_are_the_same_in_every_release() -> None:
    assert derive_id("anomaly", "one", 1) == "4f1b9d03-99bd-50db-ba71-5372ef3a6784"


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", "null", '"text"'])
def test_what_is_no_event(body: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_event("anomaly.flagged", body)


def test_an_unknown_subject() -> None:
    with pytest.raises(UnknownSubjectError, match=r"anomaly\.invented"):
        event_class("anomaly.invented")


@pytest.mark.parametrize("person", ["Alice", "a.b", "*", ">", "", "a b", "x" * 64])
def test_who_cannot_be_a_person(person: str) -> None:
    with pytest.raises(ValidationError):
        make(ReviewAnswered, person=person)


def test_an_answer_is_published_as_its_person() -> None:
    assert make(ReviewAnswered, person="bob").subject_of() == "review.answered.bob"
