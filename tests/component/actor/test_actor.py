"""One action from the decision to its end, on a cluster and a bus in memory."""

import asyncio
from typing import Any

import pytest

from factories.actions import GOOD, catalog, deployment, namespace
from factories.events import CHECKOUT, NAMESPACE, NOW, make
from fakes.acting import DELETED, OWN_NAMESPACE, PATCHED, Acting, TakingBack, decision
from ooda.actor.core.record import ActionRecord
from ooda.actor.planning import Planner
from ooda.common.bus.interface import PoisonError
from ooda.common.cluster.interface import Conflict, Refused, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionApplied,
    ActionStarted,
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    IncidentClosed,
)
from ooda.common.taxonomy import ActionKind, Mode, Outcome, Verdict
from ooda.common.testing.bus import delivery
from ooda.common.topology import ACTIONS

SCALE = {"action": ActionKind.SCALE_TO_KNOWN_GOOD}
RESTART = {"action": ActionKind.RESTART_POD, "parameters": {"pod": "checkout-1-a"}}
WORKLOAD = (Kind.DEPLOYMENT, NAMESPACE, "checkout")


async def test_rolls_back_and_keeps_what_helped() -> None:
    acting = Acting()
    ended = await acting.act()
    assert (ended.outcome, ended.wrote) == (Outcome.KEPT, True)
    live = await acting.api.get(*WORKLOAD)
    assert live["spec"]["template"] == GOOD
    assert live["metadata"]["annotations"] == {"ooda.dev/action": ended.action_id}
    assert acting.api.writes == [PATCHED]
    assert [each.subject for each in acting.bus.published] == [
        "action.started",
        "action.applied",
        "action.executed",
    ]
    assert ended.before is not None
    assert ended.after is not None
    assert (ended.before.open_anomalies, ended.after.open_anomalies) == (1, 0)
    assert ended.after.fresh
    assert acting.api.calls.index("dry run") < acting.api.calls.index("patch")


async def test_reads_the_kill_switch_right_before_the_write() -> None:
    acting = Acting()
    await acting.act()
    assert acting.api.calls[acting.api.calls.index("patch") - 1] == "get ConfigMap"


async def test_restarts_a_pod() -> None:
    acting = Acting()
    ended = await acting.act(decision(request=RESTART))
    assert (ended.outcome, acting.api.writes) == (Outcome.KEPT, [DELETED])


@pytest.mark.parametrize(
    ("chosen", "planner", "outcome", "writes", "replicas"),
    [
        ({}, Planner, Outcome.NOT_HELPED, [PATCHED], 1),
        (SCALE, Planner, Outcome.NOT_HELPED, [PATCHED], 2),
        (RESTART, Planner, Outcome.NOT_HELPED, [DELETED], 1),
        (SCALE, TakingBack, Outcome.UNDONE, [PATCHED, PATCHED], 1),
    ],
    ids=["keep", "keep replicas", "irreversible", "inverse"],
)
async def test_what_did_not_help(
    chosen: Any, planner: type[Planner], outcome: Outcome, writes: list[str], replicas: int
) -> None:
    acting = Acting(heals=False, planner=planner)
    ended = await acting.act(decision(request=chosen))
    assert (ended.outcome, ended.wrote, acting.api.writes) == (outcome, True, writes)
    assert (await acting.api.get(*WORKLOAD))["spec"]["replicas"] == replicas
    assert [each.undo for each in acting.said(ActionApplied)] == [False, True][: len(writes)]


async def test_the_recorder_is_not_needed_to_take_back() -> None:
    acting = Acting(heals=False, planner=TakingBack)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision(request=SCALE)))
        await acting.until(lambda: acting.api.writes)
        acting.recorder = False
        await acting.until(acting.executed)
    (ended,) = acting.executed()
    assert ended.outcome is Outcome.UNDONE
    assert ended.after is not None
    assert not ended.after.fresh


async def test_no_record_no_write() -> None:
    acting = Acting(recorder=False)
    ended = await acting.act(decision(valid_seconds=0.3))
    assert (ended.outcome, ended.wrote, acting.api.writes) == (Outcome.EXPIRED, False, [])
    assert len(acting.said(ActionStarted)) == 1


async def test_a_late_decision_writes_nothing() -> None:
    acting = Acting()
    ended = await acting.act(decision(valid_seconds=-0.001))
    assert (ended.outcome, acting.api.writes) == (Outcome.EXPIRED, [])
    assert acting.said(ActionStarted) == []


async def test_the_kill_switch_stops_everything() -> None:
    acting = Acting()
    acting.api.put(Kind.CONFIG_MAP, {"metadata": {"name": "ooda-stop", "namespace": OWN_NAMESPACE}})
    ended = await acting.act()
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])
    assert "stopped" in ended.reason


@pytest.mark.parametrize("call", ["get ConfigMap", "get Deployment", "get Namespace", "dry run"])
async def test_what_cannot_be_read_is_not_written(call: str) -> None:
    acting = Acting()
    acting.api.failures[call] = Unavailable("no answer")
    ended = await acting.act(decision(valid_seconds=0.3))
    assert (ended.outcome, acting.api.writes) == (Outcome.EXPIRED, [])


async def test_no_event_waits_for_an_action_that_cannot_be_planned_yet() -> None:
    acting = Acting()
    acting.api.failures["get Deployment"] = Unavailable("no answer")
    async with acting.actor() as handlers:
        async with asyncio.timeout(2):
            await handlers.on_loop(delivery(decision()))
            await handlers.on_loop(delivery(make(AnomalyCleared, anomaly_id="another")))
        await acting.until(lambda: acting.api.calls.count("get Deployment") > 1)
        assert acting.bus.published == []
        del acting.api.failures["get Deployment"]
        await acting.until(acting.executed)
    assert acting.executed()[0].outcome is Outcome.KEPT


@pytest.mark.parametrize(
    ("call", "error", "outcome"),
    [
        ("dry run", Refused("by policy"), Outcome.REFUSED),
        ("dry run", Conflict("test failed"), Outcome.CONFLICT),
        ("patch", Refused("by policy"), Outcome.REFUSED),
        ("patch", Conflict("test failed"), Outcome.CONFLICT),
        ("patch", Unavailable("no answer"), Outcome.EXPIRED),
    ],
)
async def test_a_write_that_is_not_accepted(call: str, error: Any, outcome: Outcome) -> None:
    acting = Acting()
    acting.api.failures[call] = error
    ended = await acting.act(decision(valid_seconds=0.5))
    assert (ended.outcome, ended.wrote, acting.api.writes) == (outcome, False, [])


async def test_an_object_that_somebody_changed_in_between_is_left_alone() -> None:
    acting = Acting(recorder=False)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision()))
        await acting.until(lambda: acting.said(ActionStarted))
        theirs: dict[str, Any] = {"metadata": {}, "spec": {"containers": []}}
        acting.api.put(Kind.DEPLOYMENT, deployment(template=theirs))
        acting.recorder = True
        await acting.until(acting.executed)
    assert (acting.executed()[0].outcome, acting.api.writes) == (Outcome.CONFLICT, [])
    assert (await acting.api.get(*WORKLOAD))["spec"]["template"] == theirs


async def test_what_somebody_changed_since_is_not_taken_back() -> None:
    acting = Acting(heals=False, planner=TakingBack)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision(request=SCALE)))
        await acting.until(lambda: acting.said(ActionApplied))
        acting.api.put(Kind.DEPLOYMENT, deployment(replicas=5))
        await acting.until(acting.executed)
    assert acting.executed()[0].outcome is Outcome.UNDO_CONFLICT
    assert acting.api.writes == [PATCHED]


@pytest.mark.parametrize("mode", ["propose", "observe", None, "nonsense"])
async def test_only_a_namespace_that_says_so_is_written_to(mode: str | None) -> None:
    acting = Acting()
    acting.api.put(Kind.NAMESPACE, namespace(mode))
    ended = await acting.act()
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])


async def test_a_namespace_that_opts_out_while_the_intent_is_recorded() -> None:
    acting = Acting(recorder=False)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision()))
        await acting.until(lambda: acting.said(ActionStarted))
        acting.api.put(Kind.NAMESPACE, namespace("observe"))
        acting.recorder = True
        await acting.until(acting.executed)
    assert (acting.executed()[0].outcome, acting.api.writes) == (Outcome.REFUSED, [])


@pytest.mark.parametrize("name", [OWN_NAMESPACE, "kube-system"])
async def test_never_the_agents_own_namespace(name: str) -> None:
    acting = Acting()
    opted_in = namespace()
    opted_in["metadata"]["name"] = name
    own = deployment()
    own["metadata"]["namespace"] = name
    known = catalog()
    known["metadata"]["namespace"] = name
    acting.api.put(Kind.NAMESPACE, opted_in)
    acting.api.put(Kind.DEPLOYMENT, own)
    acting.api.put(Kind.KNOWN_GOOD, known)
    target = CHECKOUT.model_copy(update={"namespace": name})
    ended = await acting.act(decision(request={"target": target}))
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])
    assert "own" in ended.reason


async def test_a_symptom_that_went_away_needs_no_action() -> None:
    acting = Acting(ill=False)
    ended = await acting.act()
    assert (ended.outcome, acting.api.writes) == (Outcome.EXPIRED, [])


async def test_blind_is_not_success() -> None:
    acting = Acting()
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision()))
        await acting.until(lambda: acting.said(ActionApplied))
        acting.stale = True
        await acting.until(acting.executed)
    (ended,) = acting.executed()
    assert (ended.outcome, ended.wrote) == (Outcome.NOT_HELPED, True)
    assert "stale" in ended.reason


async def test_blind_is_no_reason_to_act() -> None:
    acting = Acting(stale=True)
    ended = await acting.act(decision(valid_seconds=0.3))
    assert (ended.outcome, acting.api.writes) == (Outcome.EXPIRED, [])


async def test_one_action_at_a_time_on_one_workload() -> None:
    acting = Acting(recorder=False)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision()))
        await handlers.on_loop(delivery(decision(request=SCALE | {"action_id": "second"})))
        await acting.until(acting.executed)
    (ended,) = acting.executed()
    assert (ended.action_id, ended.outcome) == ("second", Outcome.REFUSED)


async def test_the_same_decision_again_is_the_same_action() -> None:
    acting = Acting()
    async with acting.actor() as handlers:
        made = decision()
        for _ in range(3):
            await handlers.on_loop(delivery(made))
        await acting.until(acting.executed)
        await handlers.on_loop(delivery(made))
    assert acting.api.writes == [PATCHED]
    assert len(acting.executed()) == 1


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.ACT])
async def test_only_the_verdict_to_act_is_acted_on(verdict: Verdict) -> None:
    acting = Acting()
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(decision(verdict=verdict)))
    assert await acting.bus.bucket(ACTIONS, ActionRecord).keys() == []


async def test_a_decision_in_a_lesser_mode_is_refused() -> None:
    acting = Acting()
    assert (await acting.act(decision(mode=Mode.PROPOSE))).outcome is Outcome.REFUSED


async def test_a_decision_that_does_not_say_what_to_do_is_poison() -> None:
    async with Acting().actor() as handlers:
        made = make(DecisionMade).model_copy(update={"request": None})
        with pytest.raises(PoisonError):
            await handlers.on_loop(delivery(made))
        with pytest.raises(PoisonError):
            await handlers.on_loop(delivery(make(IncidentClosed)))
        with pytest.raises(PoisonError):
            await handlers.on_telemetry(delivery(make(AnomalyCleared)))


async def test_events_of_anomalies_come_in_any_order() -> None:
    async with Acting(ill=False).actor() as handlers:
        await handlers.on_loop(delivery(make(AnomalyCleared, occurred_at=NOW)))
        await handlers.on_loop(delivery(make(AnomalyFlagged, occurred_at=NOW)))
        assert handlers.sightings._open == {}  # noqa: SLF001 - memory must not grow by reordering


async def test_what_prometheus_reads_of_an_action() -> None:
    acting = Acting()
    await acting.act()
    action: dict[str, str] = {"action": ActionKind.ROLL_BACK_WORKLOAD}
    ended = action | {"outcome": Outcome.KEPT}
    assert acting.metrics.get_sample_value("ooda_actor_actions_total", ended) == 1
    for stage in ("decided_to_started", "decided_to_applied", "applied_to_executed"):
        count = "ooda_actor_stage_seconds_count"
        assert acting.metrics.get_sample_value(count, action | {"stage": stage}) == 1
