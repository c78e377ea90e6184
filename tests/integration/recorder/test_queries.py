"""A whole incident in the trail, and what people and programs then read of it."""

import datetime as dt
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from factories.events import ACTION_ID, ANOMALY_ID, CHECKOUT, INCIDENT_ID, NOW, make, request
from ooda.common import events
from ooda.common.audit.queries import (
    actions,
    incidents,
    open_reviews,
    reading_engine,
    timeline,
)
from ooda.common.plans import Health
from ooda.common.taxonomy import Closure, FailureClass, Outcome, Verdict
from ooda.common.topology import Account
from ooda.recorder.core.rows import row_of
from ooda.recorder.store import Store, recorder_engine
from servers.trail import Database, delivered

DOCUMENT = Path(__file__).parents[3] / "docs/queries.md"
QUERIES = {
    title: sql.replace("00000000-0000-0000-0000-000000000000", INCIDENT_ID)
    for title, sql in re.findall(
        r"^## (.+?)\n.*?^```sql\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE
    )
}
OTHER = events.derive_id("incident", "other")
REVIEW = events.derive_id("review", OTHER, 1)
SICK = Health(desired=2, ready=0, open_anomalies=1, fresh=True)
WELL = Health(desired=2, ready=2, open_anomalies=0, fresh=True)


def _story() -> list[events.Event]:
    """One incident from flag to end with two attempts; another one that waits for a person."""
    second = {"attempt": 2, "event_id": "second"}
    action_two = events.derive_id("action", INCIDENT_ID, 2)
    started: list[tuple[type[events.Event], dict[str, Any]]] = [
        (events.AnomalyFlagged, {}),
        (events.DiagnosisStarted, {}),
        (events.DiagnosisReady, {"failure_class": FailureClass.CRASH_LOOP, "confidence": 0.91}),
        (events.DecisionMade, {}),
        (events.ActionStarted, {}),
        (events.ActionRecorded, {}),
        (events.ActionApplied, {}),
        (events.ActionApplied, {"undo": True, "event_id": "undo"}),
        (events.ActionExecuted, {"outcome": Outcome.UNDONE, "before": SICK, "after": SICK}),
        (events.DiagnosisStarted, second | {"event_id": "again", "reason": "not_helped"}),
        (events.DiagnosisReady, second | {"event_id": "ready again"}),
        (events.DecisionMade, second | {"request": request(action_id=action_two)}),
        (events.ActionStarted, {"action_id": action_two, "event_id": "start two"}),
        (events.ActionApplied, {"action_id": action_two, "event_id": "applied two"}),
        (events.AnomalyCleared, {}),
        (
            events.ActionExecuted,
            {"action_id": action_two, "event_id": "end two", "before": SICK, "after": WELL},
        ),
        (events.IncidentClosed, {}),
        (
            events.DiagnosisStarted,
            {"incident_id": OTHER, "event_id": "other", "anomalies": (), "namespace": "bank"},
        ),
        (
            events.DecisionMade,
            {"incident_id": OTHER, "event_id": "ask", "verdict": Verdict.REVIEW, "request": None},
        ),
        (
            events.ReviewRequested,
            {
                "incident_id": OTHER,
                "review_id": REVIEW,
                "proposal": request(),
                "expires_at": dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
            },
        ),
        (events.DeadLetter, {}),
    ]
    return [make(kind, **given) for kind, given in started]


FAULT = [
    make(events.FaultRequested),
    make(events.FaultArmed),
    make(events.FaultEffective),
    make(events.FaultCleared),
]


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    engine = recorder_engine(database.url("recorder"))
    yield Store(engine)
    await engine.dispose()


@pytest.fixture
async def reader(database: Database, store: Store) -> AsyncIterator[AsyncEngine]:
    """A reader's connection to a trail that has the story."""
    told = [row_of(delivered(each, n), Account.LOOP, NOW) for n, each in enumerate(_story(), 1)]
    truth = [
        row_of(delivered(each, n, stream="FAULTS"), Account.FAULTS, NOW)
        for n, each in enumerate(FAULT, 1)
    ]
    await store.append(told)
    await store.append(truth)
    engine = reading_engine(database.url("reader"))
    yield engine
    await engine.dispose()


async def test_incidents_newest_first(reader: AsyncEngine) -> None:
    waiting, resolved = await incidents(reader, since=NOW)
    assert (waiting.incident_id, waiting.closed_at, waiting.actions) == (OTHER, None, 0)
    assert resolved.incident_id == INCIDENT_ID
    assert resolved.opened_at == NOW + dt.timedelta(seconds=2)
    assert resolved.closed_at == NOW + dt.timedelta(seconds=17)
    assert resolved.closure == Closure.RESOLVED
    assert resolved.failure_class == FailureClass.IMAGE_PULL_FAILURE
    assert resolved.component == str(CHECKOUT)
    assert (resolved.attempts, resolved.actions, resolved.confidence) == (2, 2, 0.97)
    assert [each.incident_id for each in await incidents(reader, NOW, namespace="bank")] == [OTHER]
    assert await incidents(reader, since=NOW + dt.timedelta(hours=1)) == []


async def test_the_timeline_has_the_anomalies_too_and_no_ground_truth(
    reader: AsyncEngine,
) -> None:
    story = await timeline(reader, INCIDENT_ID)
    assert [each.position for each in story] == list(range(1, 18))
    assert story[0].subject == "anomaly.flagged"
    assert story[0].body is not None
    assert story[0].body["anomaly_id"] == ANOMALY_ID
    assert story[-1].subject == "incident.closed"
    assert story[-1].summary == f"incident.closed on {CHECKOUT}"
    assert await timeline(reader, "no such incident") == []


async def test_actions_from_intent_to_end(reader: AsyncEngine) -> None:
    kept, undone = await actions(reader, since=NOW)
    assert undone.action_id == ACTION_ID
    assert (undone.outcome, undone.target) == (Outcome.UNDONE, str(CHECKOUT))
    assert undone.applied_at == NOW + dt.timedelta(seconds=7)
    assert undone.undone_at == NOW + dt.timedelta(seconds=8)
    assert undone.executed_at == NOW + dt.timedelta(seconds=9)
    assert (kept.outcome, kept.undone_at, kept.wrote) == (Outcome.KEPT, None, True)
    assert len(kept.row_hash) == 32
    assert len(await actions(reader, NOW, incident_id=INCIDENT_ID)) == 2
    assert await actions(reader, NOW, incident_id=OTHER) == []


async def test_a_review_is_open_until_it_is_answered(reader: AsyncEngine, store: Store) -> None:
    (asked,) = await open_reviews(reader)
    assert (asked.review_id, asked.incident_id) == (REVIEW, OTHER)
    assert asked.proposal == "roll_back_workload"
    answer = delivered(make(events.ReviewAnswered, review_id=REVIEW), 1, stream="PEOPLE")
    await store.append([row_of(answer, Account.PEOPLE, NOW)])
    assert await open_reviews(reader) == []


async def test_a_review_is_over_with_its_incident(reader: AsyncEngine, store: Store) -> None:
    end = make(events.IncidentClosed, incident_id=OTHER, event_id="end of other")
    await store.append([row_of(delivered(end, 99), Account.LOOP, NOW)])
    assert await open_reviews(reader) == []


@pytest.mark.parametrize(
    "view", ["loop_events", "incident_timeline", "incidents", "decisions", "diagnoses", "actions"]
)
async def test_no_view_of_the_loop_shows_other_accounts(reader: AsyncEngine, view: str) -> None:
    async with reader.connect() as connection:
        found = await connection.execute(
            sa.text(f"SELECT v::text FROM {view} AS v")  # noqa: S608 - names of ours
        )
        assert not [text for text in found.scalars() if "run-1" in text or "pod-kill" in text]


EXPECTED_ROWS = {
    "What happened tonight": 2,
    "One incident's story": 17,
    "What the agent changed": 2,
    "What became of the objects that it changed": 4,
    "How long the stages took": 1,
    "Why it decided as it did": 2,
    "What waits for a person": 1,
    "What could not be handled": 1,
    "Which injected faults the agent met": 1,
}


def test_every_query_of_the_document_is_tried() -> None:
    assert set(QUERIES) == set(EXPECTED_ROWS)


@pytest.mark.parametrize("title", QUERIES)
async def test_the_queries_of_the_document_answer(reader: AsyncEngine, title: str) -> None:
    at_noon = QUERIES[title].replace("now()", "timestamptz '2026-11-25 12:00:30Z'")
    async with reader.connect() as connection:
        found = await connection.exec_driver_sql(at_noon)
        assert len(found.all()) == EXPECTED_ROWS[title]


async def test_stages_are_measured_on_the_clock_of_the_bus(reader: AsyncEngine) -> None:
    async with reader.connect() as connection:
        (stages,) = await connection.exec_driver_sql(QUERIES["How long the stages took"])
    assert tuple(stages) == (INCIDENT_ID, 1, 1, 1, 3, 2)
