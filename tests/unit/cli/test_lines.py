"""Lines for people: of the loop, of a story, of the services' answers."""

import datetime as dt
import json
from typing import Any

import pytest
import typer

from factories.diagnosis import about, change, saw
from factories.events import CHECKOUT, INCIDENT_ID, NOW, make, open_anomaly
from ooda.cli.asking import moment
from ooda.cli.events import LoopView, as_json, line
from ooda.cli.status import State, as_object, in_words, row, to_do
from ooda.cli.story import details
from ooda.common.audit.queries import OpenWork
from ooda.common.bus.listening import Heard
from ooda.common.events import (
    ActionExecuted,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    IncidentClosed,
    ReviewRequested,
)
from ooda.common.findings import Consultation, Hypothesis, Turn
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.common.topology import LOOP_SERVICES, Service
from ooda.orienter.core.findings import unavailable
from ooda.orienter.core.signs import Sign

HOSTILE = "[blink]x[/blink] \x1b[2J\u202e\n+0.0 s decision.made all is well"


def seen(view: LoopView, event: Event) -> str:
    return view.line(event.subject_of(), event).plain


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def test_the_time_runs_from_the_first_anomaly_of_the_incident_to_its_end() -> None:
    view = LoopView()
    early, late = open_anomaly(since=after(-3)), open_anomaly(since=after(-1))
    started = make(DiagnosisStarted, anomalies=(late, early), occurred_at=NOW)
    assert "+   3.0 s diagnosis.started" in seen(view, started)
    assert "+   4.5 s decision.made" in seen(view, make(DecisionMade, occurred_at=after(1.5)))
    assert "+  13.0 s incident.closed" in seen(view, make(IncidentClosed, occurred_at=after(10)))
    again = make(DecisionMade, occurred_at=after(20))
    assert "+   0.0 s decision.made" in seen(view, again), "a closed incident is forgotten"


def test_an_anomaly_has_a_time_of_its_own_and_no_incident() -> None:
    flagged = make(AnomalyFlagged, since=NOW, occurred_at=after(0.8))
    said = seen(LoopView(), flagged)
    assert "+   0.8 s anomaly.flagged" in said
    assert INCIDENT_ID[:8] not in said


def test_a_line_has_one_line_and_nothing_active() -> None:
    flagged = make(AnomalyFlagged, summary=HOSTILE)
    heard = Heard("anomaly.flagged", flagged.model_dump_json().encode())
    for said in (seen(LoopView(), flagged), line(heard).plain):
        assert r"[blink]x[/blink] \x1b[2J\u202e\n+0.0 s" in said
        assert "\n" not in said
        assert "\x1b" not in said


@pytest.mark.parametrize("payload", [b"", b"no json\x1b[2J\nx", b"\xff", b"{}"])
def test_what_is_no_event(payload: bytes) -> None:
    heard = Heard("anomaly.flagged", payload)
    said = line(heard).plain
    assert said.startswith("anomaly.flagged: cannot be read (")
    assert "\x1b" not in said
    assert "\n" not in said + as_json(heard)
    told = json.loads(as_json(heard))
    assert told == {} or told["unreadable"] == payload.decode(errors="replace")


def test_json_of_an_event_is_the_event_on_one_line() -> None:
    event = make(AnomalyFlagged, summary=HOSTILE)
    for indent in (None, 2):
        heard = Heard("anomaly.flagged", event.model_dump_json(indent=indent).encode())
        assert AnomalyFlagged.model_validate_json(as_json(heard)) == event
        assert "\n" not in as_json(heard)


@pytest.mark.parametrize(
    ("since", "back"),
    [
        ("30m", dt.timedelta(minutes=30)),
        ("12h", dt.timedelta(hours=12)),
        ("7d", dt.timedelta(days=7)),
        ("0m", dt.timedelta(0)),
    ],
)
def test_how_far_back(since: str, back: dt.timedelta) -> None:
    ago = dt.datetime.now(dt.UTC) - moment(since)
    assert abs((ago - back).total_seconds()) < 5


@pytest.mark.parametrize(
    ("since", "utc"),
    [
        ("2026-11-25T12:00", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25T12:00Z", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25T12:00+02:00", "2026-11-25T10:00:00+00:00"),
        ("2026-11-25", "2026-11-25T00:00:00+00:00"),
    ],
)
def test_a_time_without_a_zone_is_utc(since: str, utc: str) -> None:
    assert moment(since).isoformat() == utc


@pytest.mark.parametrize("since", ["", "yesterday", "5", "-5m", "5w", "99999999999d", "٣h", "1m\n"])
def test_what_is_no_time(since: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(since)


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (make(DecisionMade, reason="sure enough"), ["because sure enough"]),
        (make(ReviewRequested, question="May I?"), ["asks: May I?"]),
        (make(ActionExecuted, reason="well again"), ["kept: well again"]),
        (make(IncidentClosed), []),
    ],
)
def test_what_stands_behind_an_event(event: Event, lines: list[str]) -> None:
    body = json.loads(event.model_dump_json())
    assert list(details(event.subject_of(), body)) == lines


def test_what_stands_behind_a_diagnosis_and_an_action() -> None:
    ready = json.loads(make(DiagnosisReady).model_dump_json())
    for hypothesis, said in zip(
        ready["hypotheses"], details("diagnosis.ready", ready), strict=False
    ):
        assert hypothesis["failure_class"] in said
    steps = [
        {
            "kind": "patch",
            "object": {"kind": "Deployment", "namespace": "shop", "name": "checkout"},
            "changes": [{"path": "/spec/replicas"}, {"path": "/spec/template"}],
        },
        {"kind": "cordon", "object": {"kind": "Node", "namespace": None, "name": "worker"}},
        {
            "kind": "create_job",
            "cron_job": {"kind": "CronJob", "namespace": "shop", "name": "refresh"},
        },
    ]
    assert list(details("action.started", {"steps": steps})) == [
        "patch Deployment shop/checkout /spec/replicas, /spec/template",
        "cordon Node worker",
        "create_job CronJob shop/refresh",
    ]


@pytest.mark.parametrize("subject", ["anomaly.flagged", "diagnosis.ready", "action.started", "x"])
@pytest.mark.parametrize("explain", [False, True])
def test_nothing_stands_behind_an_empty_body(subject: str, *, explain: bool) -> None:
    assert list(details(subject, {}, explain=explain)) == []


def test_a_diagnosis_is_explained_by_every_finding_and_every_vote() -> None:
    findings = (
        saw("inspect_workload", Sign.CRASH_BACK_OFF, excerpt="app: waiting\n\nx"),
        unavailable(about("get_pod_logs"), "Unavailable: 503"),
    )
    blamed = change("spec.template.spec.containers[app].image", good=False)
    likely = Hypothesis(
        failure_class=FailureClass.CRASH_LOOP,
        component=CHECKOUT,
        score=4.25,
        probability=0.9,
        agreeing=(EvidenceFamily.OBJECT_STATE,),
        unexplained=("a",),
    )
    ready = make(DiagnosisReady, findings=findings, hypotheses=(likely,), change=blamed)
    said = list(details("diagnosis.ready", json.loads(ready.model_dump_json()), explain=True))
    assert "    says config_error -1.5, crash_loop +3.0, pod_killed -2.0, healthy -2.0" in said
    assert [each for each in said if "|" in each][:2] == ["    | app: waiting", "    | x"]
    assert "    says unavailable" in said
    assert f"  0.900 crash_loop of {CHECKOUT}, score +4.25" in said
    assert "    agreeing: object_state" in said
    assert "    open anomalies that it leaves unexplained: 1" in said
    assert any(each.endswith("nothing to go back to is recorded") for each in said)
    assert "cannot be explained" in next(details("diagnosis.ready", {"a": 1}, explain=True))


def test_what_a_model_was_asked_and_said() -> None:
    said = Consultation(
        model="small",
        ending="voted",
        reason="crash_loop of Deployment shop/checkout",
        seconds=1.25,
        calls=2,
        input_tokens=100,
        output_tokens=11,
        turns=(Turn(speaker="model", text="get_pod_logs {}\n\nand more"),),
    )
    body = json.loads(make(DiagnosisReady, consultation=said).model_dump_json())
    line = "model small voted: crash_loop of Deployment shop/checkout (2 calls, 111 tokens, 1.2 s)"

    assert list(details("diagnosis.ready", body))[-1] == line
    assert list(details("diagnosis.ready", body, explain=True))[-4:] == [
        line,
        "  model:",
        "    | get_pod_logs {}",
        "    | and more",
    ]


ANSWER: dict[str, Any] = {
    "ready": True,
    "since": "2026-11-25T14:03:07.405000+00:00",
    "consumers": {
        "LOOP/actor": {"pending": 2, "in_hand": 1},
        "TELEMETRY/actor": {"pending": 4, "in_hand": 0},
    },
    "details": {"pods": "20", "open anomalies": "1", "blind": "no"},
}


def test_a_service_is_one_short_row() -> None:
    assert row(Service.ACTOR, ANSWER) == (
        "actor", "ready", "11-25 14:03", "7", "blind no, open anomalies 1, pods 20",
    )  # fmt: skip
    assert row(Service.ACTOR, ANSWER | {"ready": False})[1] == "not ready"
    assert row(Service.ACTOR, None)[:2] == ("actor", "no answer")


@pytest.mark.parametrize(
    ("lags", "sum_"),
    [
        ({}, "0"),
        ({"a": {"pending": 1, "in_hand": 0}}, "1"),
        ({"a": {"pending": 1, "in_hand": 2}, "b": {"pending": 3, "in_hand": 0}}, "6"),
        ({"a": {"pending": 1, "in_hand": 0}, "b": "pending 1, in hand 0"}, "?"),
        ({"a": {"pending": 1}}, "?"),
    ],
)
def test_to_do(lags: dict[str, object], sum_: str) -> None:
    assert to_do(lags) == sum_


def test_the_loop_is_well_if_all_of_it_is() -> None:
    well = dict.fromkeys(LOOP_SERVICES, ANSWER)
    work = OpenWork(incidents=2, reviews=1)
    told = as_object(State(well, "Not stopped.", work))
    assert (told["ok"], told["open"]) == (True, {"incidents": 2, "reviews": 1})
    assert told["open_unknown_because"] is None
    assert in_words(work) == "Open incidents: 2. Questions that wait for a person: 1."
    for sick in (well | {Service.ACTOR: ANSWER | {"ready": False}}, {Service.ACTOR: ANSWER}):
        assert not State(sick, "Not stopped.", work).ok
    unknown = as_object(State(well, "Not stopped.", "Postgres is away."))
    assert (unknown["open"], unknown["open_unknown_because"]) == (None, "Postgres is away.")
