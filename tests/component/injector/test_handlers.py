"""Requests as the bus delivers them: twice, again, wrong; and what is told of a run, once."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from factories.events import make
from factories.objects import deployment
from ooda.common.bus.injecting import (
    DescribeScenario,
    EvaluateRun,
    InjectorAnswer,
    ListScenarios,
    Question,
    TryFault,
)
from ooda.common.bus.interface import BusUnavailableError, PoisonError
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    AnomalyFlagged,
    DiagnosisReady,
    DiagnosisStarted,
    FaultCleared,
    FaultRefused,
    FaultRequested,
)
from ooda.common.fault_runs import AGENT_AT, Ending, Phase, Undone
from ooda.common.run_reports import Stage
from ooda.common.testing.bus import MemoryBus, delivery
from ooda.common.testing.cluster import FakeCluster
from ooda.common.topology import Account
from ooda.injector.admission import Admission
from ooda.injector.announcer import Announcer
from ooda.injector.core.fence import Limits
from ooda.injector.evaluating import Evaluator
from ooda.injector.handlers import Handlers
from ooda.injector.journal import Journal
from ooda.injector.library import load_scenarios
from servers.waiting import until

HERE, OWN = "fault-injection-shop", "ooda-system"


class Injector:
    """The injector's doors on a cluster and a bus in memory."""

    def __init__(self) -> None:
        self.api, self.bus = FakeCluster(), MemoryBus(Account.FAULTS)
        for name in ("kube-system", HERE):
            self.api.put(Kind.NAMESPACE, {"metadata": {"name": name, "uid": f"uid-{name}"}})
        live = deployment("checkout", replicas=2, namespace=HERE)
        live["spec"]["selector"] = {"matchLabels": {"app": "checkout"}}
        self.api.put(Kind.DEPLOYMENT, live)
        limits = Limits("uid-kube-system", frozenset({HERE}))
        admission = Admission(self.api, OWN, limits, load_scenarios(), SystemClock())
        self.journal = Journal(self.api, OWN)
        self.loop = MemoryBus(Account.LOOP)
        evaluator = Evaluator(loop=self.loop, faults=self.bus)
        self.handlers = Handlers(admission, self.journal, self.bus, evaluator, asyncio.Lock())

    def asked(self, **given: Any) -> FaultRequested:
        now = SystemClock().now()
        fields: dict[str, Any] = {
            "cluster_id": "uid-kube-system",
            "namespace": HERE,
            "run_id": "run-1",
            "scenario": "image-pull-failure",
            "target": "checkout",
            "intensity": None,
            "parameters": {},
            "duration_seconds": 60.0,
            "valid_until": now + dt.timedelta(seconds=30),
        }
        return make(FaultRequested, **(fields | given))

    def refusals(self) -> list[str]:
        return [each.code for each in self.bus.published if isinstance(each, FaultRefused)]

    async def answer(self, question: Question) -> InjectorAnswer:
        body = question.model_dump_json().encode()
        return InjectorAnswer.model_validate_json(await self.handlers.answer(body))


@pytest.fixture
def injector() -> Injector:
    return Injector()


async def test_a_request_is_a_run_in_the_journal_and_nothing_else(injector: Injector) -> None:
    await injector.handlers.on_requested(delivery(injector.asked()))
    assert injector.api.writes == ["create FaultRun ooda-system/run-1"]
    entry = await injector.journal.find("run-1")
    assert entry is not None
    assert entry.run.phase is Phase.ADMITTED
    assert injector.bus.published == []


async def test_delivered_twice_it_is_one_run_and_no_refusal(injector: Injector) -> None:
    asked = injector.asked()
    await injector.handlers.on_requested(delivery(asked, sequence=7))
    await injector.handlers.on_requested(delivery(asked, sequence=7, deliveries=2))
    assert (len(injector.api.writes), injector.refusals()) == (1, [])


async def test_said_again_it_is_a_replay(injector: Injector) -> None:
    asked = injector.asked()
    await injector.handlers.on_requested(delivery(asked, sequence=7))
    await injector.handlers.on_requested(delivery(asked, sequence=8))
    again = injector.asked(event_id="another")
    await injector.handlers.on_requested(delivery(again, sequence=9))
    assert (len(injector.api.writes), injector.refusals()) == (1, ["replayed", "replayed"])


async def test_what_is_refused_is_told_and_nothing_is_written(injector: Injector) -> None:
    await injector.handlers.on_requested(delivery(injector.asked(namespace="fault-injection")))
    assert (injector.api.writes, injector.refusals()) == ([], ["namespace_name"])


async def test_what_the_api_server_does_not_let_it_see_is_refused(injector: Injector) -> None:
    injector.api.refuse("get", Kind.DEPLOYMENT)
    await injector.handlers.on_requested(delivery(injector.asked()))
    assert (injector.api.writes, injector.refusals()) == ([], ["not_permitted"])


async def test_a_journal_that_cannot_be_read_lets_nothing_through(injector: Injector) -> None:
    injector.api.put(Kind.FAULT_RUN, {"metadata": {"name": "x", "namespace": OWN}, "spec": {}})
    await injector.handlers.on_requested(delivery(injector.asked()))
    assert (injector.api.writes, injector.refusals()) == ([], ["journal"])


async def test_what_is_no_request_is_a_dead_letter(injector: Injector) -> None:
    with pytest.raises(PoisonError):
        await injector.handlers.on_requested(delivery(make(AnomalyFlagged)))


async def test_questions(injector: Injector) -> None:
    assert len((await injector.answer(ListScenarios())).scenarios) == len(load_scenarios())
    (described,) = (await injector.answer(DescribeScenario(scenario="pod-kill"))).scenarios
    assert described.parameters[0].bounds == "1 to 100 %"
    assert (await injector.answer(DescribeScenario(scenario="x"))).code == "unknown_scenario"
    tried = await injector.answer(TryFault(request=injector.asked()))
    assert tried.lines[0].startswith(f"Change Deployment {HERE}/checkout: ")
    refused = await injector.answer(TryFault(request=injector.asked(duration_seconds=0.0)))
    assert refused.code == "no_duration"
    assert b"not understood" in await injector.handlers.answer(b"{}")
    injector.api.set_unavailable(True)
    assert (await injector.answer(TryFault(request=injector.asked()))).code == "not_now"
    assert injector.api.writes == []


async def test_a_run_is_evaluated_with_what_the_agent_said(injector: Injector) -> None:
    asked = injector.asked()
    await injector.bus.publish(asked)
    await injector.handlers.on_requested(delivery(asked))
    entry = await injector.journal.find("run-1")
    assert entry is not None
    begun = SystemClock().now()
    times = {**entry.run.times, "mutated": begun}
    await injector.journal.write(entry, entry.run.model_copy(update={"times": times}))
    for event, seconds in ((AnomalyFlagged, 1), (DiagnosisStarted, 2), (DiagnosisReady, 3)):
        at = begun + dt.timedelta(seconds=seconds)
        await injector.loop.publish(make(event, occurred_at=at))
    report = (await injector.answer(EvaluateRun(run_id="run-1"))).report
    assert report is not None
    assert (report.class_right, report.component_right) == (True, True)
    assert report.detection.from_injection_ms == 2000
    requested = report.stages[Stage.REQUESTED]
    assert requested is not None
    assert requested.source == "bus"


@pytest.mark.parametrize(
    ("what", "code"), [("nothing", "unknown_run"), ("api", "not_now"), ("bus", "not_now")]
)
async def test_what_cannot_be_evaluated_says_why(injector: Injector, what: str, code: str) -> None:
    if what != "nothing":
        await injector.handlers.on_requested(delivery(injector.asked()))
    injector.api.set_unavailable(what == "api")
    injector.loop.failure = BusUnavailableError("away") if what == "bus" else None
    answer = await injector.answer(EvaluateRun(run_id="run-1"))
    assert (answer.report, answer.code) == (None, code)
    assert answer.error


@pytest.mark.parametrize(
    ("phase", "undone", "ending", "told"),
    [
        (Phase.ENDED, Undone.REVERTED, Ending.EXPIRED, ["fault.armed", "fault.cleared"]),
        (Phase.ENDED, Undone.REPAIRED, Ending.EXPIRED, ["fault.armed", "fault.cleared"]),
        (
            Phase.TEARDOWN_FAILED,
            Undone.GONE,
            Ending.EXPIRED,
            ["fault.armed", "fault.teardown_failed"],
        ),
        (Phase.ENDED, Undone.NOTHING, Ending.BUSY, ["fault.refused"]),
    ],
)
async def test_a_run_is_told_once_also_after_a_time_without_the_bus(
    injector: Injector,
    phase: Phase,
    undone: Undone,
    ending: Ending,
    told: Sequence[str],
) -> None:
    await injector.handlers.on_requested(delivery(injector.asked()))
    entry = await injector.journal.find("run-1")
    assert entry is not None
    now, run = SystemClock().now(), entry.run
    if ending is Ending.EXPIRED:
        run = run.enter(Phase.ARMED, now, expires_at=now)
        run = run.model_copy(update={"times": {**run.times, AGENT_AT: now}})
    ended = run.with_step(0, done=True, undone=undone).enter(phase, now, ending=ending)
    await injector.journal.write(entry, ended)
    for _ in range(2):  # one that has just told it dies, and another begins
        task = asyncio.create_task(Announcer(injector.api, OWN, injector.bus, SystemClock()).run())

        async def all_told() -> bool:
            found = await injector.journal.find("run-1")
            return found is not None and len(found.run.told) == len(told)

        await until(all_told)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [each.subject for each in injector.bus.published] == told
    entry = await injector.journal.find("run-1")
    assert entry is not None
    assert sorted(entry.run.published) == sorted(told)
    cleared = [each for each in injector.bus.published if isinstance(each, FaultCleared)]
    assert [each.repaired_by_agent for each in cleared] == (
        [undone is Undone.REPAIRED] if FaultCleared.subject in told else []
    )
