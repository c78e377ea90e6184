"""What the injector hears: a request for a fault, and questions of people."""

import asyncio
from dataclasses import dataclass

import structlog

from ooda.common.bus.injecting import (
    DescribeScenario,
    EvaluateRun,
    InjectorAnswer,
    ListScenarios,
    Question,
    TryFault,
    answer_question,
)
from ooda.common.bus.interface import BusUnavailableError, Delivery, PoisonError, Publisher
from ooda.common.cluster.interface import ClusterError, Conflict, Refused
from ooda.common.events import FaultRequested
from ooda.common.fault_runs import FaultRun
from ooda.injector.admission import Admission
from ooda.injector.core.announcements import refused
from ooda.injector.core.fence import Refusal
from ooda.injector.evaluating import Evaluator
from ooda.injector.journal import Journal, JournalError
from ooda.injector.telling import lines_of, row_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handlers:
    """The doors of the injector."""

    admission: Admission
    journal: Journal
    bus: Publisher
    evaluator: Evaluator
    one_at_a_time: asyncio.Lock

    async def on_requested(self, delivery: Delivery) -> None:
        """Write a run down, or say why there is none."""
        asked = delivery.event
        if not isinstance(asked, FaultRequested):
            raise PoisonError(f"{delivery.subject} is no request for a fault")
        async with self.one_at_a_time:
            verdict = await self._judge(asked, delivery.sequence)
            if isinstance(verdict, FaultRun):
                try:
                    await self.journal.begin(verdict)
                except Conflict:
                    verdict = Refusal("replayed", f"Run {asked.run_id} is there already.")
        if isinstance(verdict, Refusal):
            log.info("refused", run=asked.run_id, code=verdict.code, reason=verdict.reason)
            await self.bus.publish(refused(asked, verdict, self.admission.clock.now()))

    async def answer(self, body: bytes) -> bytes:
        """Answer a person's question."""
        return await answer_question(body, self._consult)

    async def _judge(self, asked: FaultRequested, sequence: int) -> FaultRun | Refusal | None:
        try:
            return await self.admission.admit(asked, sequence)
        except Refused as error:
            return Refusal("not_permitted", f"The API server refuses: {error}.")
        except JournalError as error:  # whether a namespace is free cannot be said any more
            return Refusal("journal", f"The journal cannot be read: {error}.")

    async def _consult(self, question: Question) -> InjectorAnswer:
        scenarios = self.admission.scenarios
        match question:
            case ListScenarios():
                return InjectorAnswer(scenarios=tuple(row_of(each) for each in scenarios.values()))
            case DescribeScenario(scenario=name) if name in scenarios:
                return InjectorAnswer(scenarios=(row_of(scenarios[name]),))
            case DescribeScenario(scenario=name):
                error = f"There is no scenario {name!r}: see `ooda scenarios list`."
                return InjectorAnswer(code="unknown_scenario", error=error)
            case TryFault(request=asked):
                return await self._try(asked)
            case EvaluateRun(run_id=run_id):
                return await self._evaluate(run_id)

    async def _evaluate(self, run_id: str) -> InjectorAnswer:
        try:
            entry = await self.journal.find(run_id)
            if entry is not None:
                return InjectorAnswer(report=await self.evaluator.report(entry.run))
        except JournalError as error:
            return InjectorAnswer(code="journal", error=f"The journal cannot be read: {error}.")
        except ClusterError as error:
            return InjectorAnswer(code="not_now", error=f"The API server cannot be asked: {error}.")
        except BusUnavailableError as error:
            return InjectorAnswer(code="not_now", error=f"NATS cannot be asked: {error}.")
        return InjectorAnswer(code="unknown_run", error=f"There is no run {run_id!r}.")

    async def _try(self, asked: FaultRequested) -> InjectorAnswer:
        try:
            verdict = await self._judge(asked, 0)
        except ClusterError as error:
            return InjectorAnswer(code="not_now", error=f"The API server cannot be asked: {error}.")
        match verdict:
            case FaultRun():
                undo = self.admission.scenarios[verdict.scenario].undo
                return InjectorAnswer(lines=tuple(lines_of(verdict, undo)))
            case Refusal(code=code, reason=reason):
                return InjectorAnswer(code=code, error=reason)
            case None:
                return InjectorAnswer(
                    code="replayed", error=f"Run {asked.run_id} is there already."
                )
