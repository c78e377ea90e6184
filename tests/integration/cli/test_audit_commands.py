"""What the trail tells by `ooda`, on the recorder's own schema."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from factories.events import INCIDENT_ID, NOW, make, request
from ooda.common import events
from ooda.common.events import Event, derive_id
from ooda.common.taxonomy import FailureClass
from ooda.common.topology import Account
from ooda.recorder.core.rows import row_of
from ooda.recorder.store import Store, recorder_engine
from servers.command_line import Ooda
from servers.postgres import PASSWORD
from servers.processes import free_port
from servers.trail import Database, delivered

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "[blink]{x}[/blink] \x1b]52;c;cm0=\x07\x9b2J\u202e\n+0.0 s decision.made all is well"
INERT = r"[blink]{x}[/blink] \x1b]52;c;cm0=\x07\x9b2J\u202e\n+0.0 s decision.made all is well"
GOING_ON = INCIDENT_ID[:4] + derive_id("incident", "other")[4:]
REVIEW = derive_id("review", GOING_ON, 1)
SINCE = "2000-01-01"


def _story() -> Sequence[Event]:
    return [
        make(events.AnomalyFlagged, summary=HOSTILE, observed={HOSTILE: HOSTILE}),
        make(events.DiagnosisStarted),
        make(events.DiagnosisReady, failure_class=FailureClass.CRASH_LOOP, confidence=0.91),
        make(events.DecisionMade, reason=HOSTILE),
        make(events.IncidentClosed),
        make(events.DiagnosisStarted, incident_id=GOING_ON, event_id="other", namespace="bank"),
        make(
            events.ReviewRequested,
            incident_id=GOING_ON,
            review_id=REVIEW,
            question=HOSTILE,
            reason="not sure",
            proposal=request(),
            expires_at=dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
        ),
        make(events.DeadLetter, service="actor", error=HOSTILE, payload=HOSTILE),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trail(audit: Database) -> Database:
    store_engine = recorder_engine(audit.url("recorder"))
    rows = [row_of(delivered(each, n), Account.LOOP, NOW) for n, each in enumerate(_story(), 1)]
    await Store(store_engine).append(rows)
    await store_engine.dispose()
    return audit


@pytest.fixture
def told(ooda: Ooda, trail: Database) -> Ooda:
    return ooda.with_audit(trail)


def table(ooda: Ooda, *arguments: str, status: int = 0) -> str:
    done = ooda(*arguments)
    assert (done.returncode, done.stderr) == (status, ""), done
    return done.stdout


def parsed(ooda: Ooda, *arguments: str, status: int = 0) -> Any:
    return json.loads(table(ooda, *arguments, "--output", "json", status=status))


async def test_incidents_newest_first_and_those_that_go_on(told: Ooda) -> None:
    both = table(told, "incidents", "--since", SINCE).splitlines()[1:]
    assert [line.split()[0] for line in both] == [GOING_ON[:8], INCIDENT_ID[:8]]
    assert "goes on" in both[0]
    assert "image_pull_failure in Deployment" in both[1]
    (only,) = parsed(told, "incidents", "--since", SINCE, "--open")
    assert only["incident_id"] == GOING_ON
    assert parsed(told, "incidents", "--since", SINCE, "--namespace", "bank")[0] == only
    assert len(parsed(told, "incidents", "--since", SINCE, "--limit", "1")) == 1
    assert dt.datetime.fromisoformat(only["opened_at"]).tzinfo is not None


async def test_as_a_program_it_says_and_ends_as_in_this_process(told: Ooda) -> None:
    for status, arguments in (
        (0, ("incidents", "--since", SINCE)),
        (0, ("show", INCIDENT_ID, "-o", "json")),
        (1, ("dead-letter", "list", "--since", SINCE)),
        (1, ("show", "nowhere")),
        (2, ("audit", "query", "SELEC 1")),
        (2, ("show",)),
    ):
        here, alone = told(*arguments), told.process(*arguments)
        assert (here.returncode, alone.returncode) == (status, status), alone
        assert (here.stdout, here.stderr) == (alone.stdout, alone.stderr)


async def test_no_incident(told: Ooda) -> None:
    assert "No incident since" in table(told, "incidents", "--since", "2100-01-01")
    assert parsed(told, "incidents", "--since", "2100-01-01") == []


async def test_a_story_is_told_whole_and_what_others_wrote_is_inert(told: Ooda) -> None:
    lines = table(told, "show", INCIDENT_ID[:10]).splitlines()
    assert [line.split()[3] for line in lines if line.startswith("+")] == [
        "diagnosis.started" if n == 1 else each.subject_of() for n, each in enumerate(_story()[:5])
    ]
    assert any(INERT in line for line in lines)
    assert any("because [blink]" in line for line in lines)
    whole = parsed(told, "show", INCIDENT_ID)
    assert whole[0]["summary"] == HOSTILE
    assert whole[0]["body"]["observed"] == {HOSTILE: HOSTILE}


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        ("nowhere", "There is no incident nowhere"),
        ("%", "There is no incident %"),
        (INCIDENT_ID[:4], "is the beginning of 2 incidents"),
        ("[red]\x1b[2J", r"no incident [red]\x1b[2J"),
    ],
)
async def test_an_incident_that_cannot_be_told(told: Ooda, beginning: str, said: str) -> None:
    done = told("show", beginning)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


async def test_reviews(told: Ooda) -> None:
    assert INERT in table(told, "review", "list")
    (one,) = parsed(told, "review", "list")
    assert (one["review_id"], one["question"]) == (REVIEW, HOSTILE)
    assert INERT in table(told, "review", "show", REVIEW[:8])
    assert parsed(told, "review", "show", REVIEW[:8]) == one | {"instructions": ""}
    done = told("review", "show", "nothing")
    assert (done.returncode, "there is none" in done.stderr) == (1, True)


async def test_dead_letters(told: Ooda) -> None:
    listed = table(told, "dead-letter", "list", "--since", SINCE, status=1)
    assert "actor" in listed
    assert INERT in listed
    (one,) = parsed(told, "dead-letter", "list", "--since", SINCE, status=1)
    assert INERT in table(told, "dead-letter", "show", one["event_id"][:8], "--since", SINCE)
    shown = parsed(told, "dead-letter", "show", one["event_id"], "--since", SINCE)
    assert (shown, shown["payload"]) == (one, HOSTILE)
    assert "No event was given up on" in table(told, "dead-letter", "list", "--since", "2100-01-01")
    done = told("dead-letter", "show", "nothing")
    assert (done.returncode, "there is none" in done.stderr) == (1, True)


async def test_the_trail_is_as_it_was_written_until_it_is_not(told: Ooda, trail: Database) -> None:
    report = parsed(told, "audit", "verify")
    assert (report["ok"], report["rows"], report["broken"]) == (True, len(_story()), None)
    assert report["head"]["row_hash"] in table(told, "audit", "verify")
    change = "UPDATE events SET subject = %s WHERE position = 3"
    with psycopg.connect(trail.dsn(), autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(change, ["diagnosis.changed"])
        try:
            broken = parsed(told, "audit", "verify", status=1)
            assert broken["ok"] is False
            assert "BROKEN" in table(told, "audit", "verify", status=1)
        finally:
            owner.execute(change, ["diagnosis.ready"])


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT 7 % 4 AS rest", [{"rest": 3}]),
        ("SELECT 'a%sb%%' AS text, '%(x)s' AS other", [{"text": "a%sb%%", "other": "%(x)s"}]),
        (
            "SELECT '12:30'::time::text AS at, ':name' AS name",
            [{"at": "12:30:00", "name": ":name"}],
        ),
        ("SELECT '\\x00ff'::bytea AS hash, NULL AS nothing;", [{"hash": "00ff", "nothing": None}]),
        ("WITH a AS (SELECT 1 AS n) SELECT n FROM a -- so it is", [{"n": 1}]),
        ("SELECT 1 AS n WHERE false", []),
    ],
)
async def test_a_question_in_sql_is_asked_as_it_is(
    told: Ooda, statement: str, rows: list[dict[str, object]]
) -> None:
    assert parsed(told, "audit", "query", statement) == rows


async def test_a_question_in_sql_as_a_table(told: Ooda) -> None:
    shown = table(
        told, "audit", "query", "SELECT n, NULL AS x FROM generate_series(1, 9) n", "--limit", "2"
    )
    assert [line.split() for line in shown.splitlines()] == [["n", "x"], ["1"], ["2"]]
    assert table(told, "audit", "query", "SELECT 1 WHERE false") == "No rows.\n"
    assert INERT in table(told, "audit", "query", "SELECT question FROM open_reviews")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("", "syntax error"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1/0", "division by zero"),
        ("SELECT * FROM nowhere", "does not exist"),
        ("DELETE FROM events", "syntax error"),
        ("SELECT 1; COMMIT; DELETE FROM events", "multiple commands"),
        ("WITH gone AS (DELETE FROM events RETURNING 1) SELECT * FROM gone", "must not contain"),
        ("SELECT * INTO mine FROM events", "INTO"),
    ],
)
@pytest.mark.parametrize("role", ["reader", "postgres"])
async def test_what_is_no_question_is_refused_in_a_sentence_whoever_asks(
    ooda: Ooda, trail: Database, statement: str, said: str, role: str
) -> None:
    done = ooda.with_audit(trail, role)("audit", "query", statement)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


COMMANDS = [
    ("incidents",),
    ("show", "x"),
    ("review", "list"),
    ("dead-letter", "list"),
    ("audit", "verify"),
    ("audit", "query", "SELECT 1"),
]


@pytest.mark.parametrize("arguments", COMMANDS)
async def test_without_postgres(ooda: Ooda, arguments: tuple[str, ...]) -> None:
    ooda.environment["OODA_POSTGRES__URL"] = f"postgresql://127.0.0.1:{free_port()}/audit"
    done = ooda(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot be used" in done.stderr


async def test_with_a_wrong_password_or_nothing_configured(ooda: Ooda, trail: Database) -> None:
    assert "make platform" in ooda("incidents").stderr
    assert ooda("incidents").returncode == 2
    ooda.with_audit(trail).environment["OODA_POSTGRES__PASSWORD"] = PASSWORD
    done = ooda("incidents")
    assert (done.returncode, "password authentication failed" in done.stderr) == (3, True)
    assert PASSWORD not in done.stderr


async def test_a_database_without_the_schema(ooda: Ooda, trail: Database) -> None:
    ooda.with_audit(Database(trail.server, "postgres"), "postgres")
    done = ooda("incidents")
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    "arguments", [("incidents", "--since", "x"), ("incidents", "--limit", "0"), ("show",)]
)
async def test_wrong_usage(told: Ooda, arguments: tuple[str, ...]) -> None:
    assert told(*arguments).returncode == 2
