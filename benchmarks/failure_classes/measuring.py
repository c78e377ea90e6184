"""One fault or control at a time: break, hear what the agent makes of it, put back, judge."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from e2e.live.bus import Ear
from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.shop import SHOP, wait_until_whole
from e2e.live.workloads import workloads
from failure_classes.faults import Answer, Control, Fault
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    IncidentClosed,
    IncidentEvent,
    ReviewRequested,
)
from ooda.common.taxonomy import Outcome, Verdict

HERE = (SHOP, None)
"""Where incidents are of our making: in the shop, and on nodes, which are in no namespace."""
NOTICED_WITHIN = 150.0
DECIDED_WITHIN = 30.0
CLOSED_WITHIN = 180.0
QUIET_WITHIN = 120.0


@dataclass(frozen=True)
class Run:
    """What became of one fault or control."""

    what: str
    target: str
    failure_class: str | None = None
    component: str | None = None
    answer: str | None = None
    outcome: str | None = None
    incidents: int = 0
    actions: int = 0
    class_right: bool = False
    component_right: bool = False
    answer_right: bool = False
    seconds: dict[str, float] | None = None
    """From each stage to the next; the effect is where the cluster says that it began."""
    failure: str | None = None


@dataclass(frozen=True)
class Laboratory:
    """The cluster, and the bus as it is heard."""

    kube: Kube
    ear: Ear

    def fault(self, fault: Fault, target: str) -> Run:
        """Break a workload and return what the agent made of it."""
        self.settle()
        began = self.ear.now()
        undo = fault.breaks(self.kube, target)
        try:
            return self._follow(fault, target, began)
        except AssertionError as error:
            return Run(fault.name, target, failure=str(error).splitlines()[0])
        finally:
            undo()

    def control(self, control: Control, target: str) -> Run:
        """Do what is no failure; anything that the agent does is one of its own."""
        self.settle()
        scene = Scene(self.ear, SHOP, self.ear.now())
        control.does(self.kube, target)
        with contextlib.suppress(AssertionError):
            scene.quiet(QUIET_WITHIN, snapshots=3)
        actions = scene.actions()
        opened = self.ear.after(scene.began, DiagnosisStarted)
        return Run(
            control.name,
            target,
            incidents=len({each.incident_id for each in opened}),
            actions=len(actions),
            answer_right=not actions,
        )

    def settle(self) -> None:
        """Wait until the shop is whole, quiet, and known to be good as it is."""
        wait_until_whole(self.kube)
        Scene(self.ear, SHOP, self.ear.now()).quiet(QUIET_WITHIN)
        for each in workloads(self.kube):
            each.wait_until_known()

    def _follow(self, fault: Fault, target: str, began: int) -> Run:
        started = self.ear.wait(
            lambda: next(iter(self._here(began)), None), "an incident", NOTICED_WITHIN
        )
        decision = self._decision(started.incident_id, began)
        with contextlib.suppress(AssertionError):
            self._end(decision, began)
        decision = self._acted(decision, began)
        ready = [
            each
            for each in self.ear.after(began, DiagnosisReady)
            if (each.incident_id, each.attempt) == (decision.incident_id, decision.attempt)
        ][-1]
        executed = [
            each.outcome
            for each in self.ear.after(began, ActionExecuted)
            if each.incident_id == decision.incident_id
        ]
        answer: Answer = decision.request.action if decision.request else decision.verdict
        component = fault.component.format(namespace=SHOP, name=target)
        return Run(
            fault.name,
            target,
            failure_class=str(ready.failure_class),
            component=str(ready.component),
            answer=str(answer),
            outcome=str(executed[-1]) if executed else None,
            incidents=len({each.incident_id for each in self._here(began)}),
            actions=len(self.ear.after(began, ActionApplied)),
            class_right=ready.failure_class in fault.truth,
            component_right=str(ready.component) == component,
            answer_right=answer in fault.accepted
            and (not executed or executed[-1] is Outcome.KEPT),
            seconds=dict(self._stages(started, ready, began)),
        )

    def _here(self, began: int) -> list[DiagnosisStarted]:
        found = self.ear.after(began, DiagnosisStarted)
        return [each for each in found if each.namespace in HERE]

    def _decision(self, incident_id: str, began: int) -> DecisionMade:
        """Return the first decision that is no waiting, of this incident or what absorbed it."""

        def made() -> DecisionMade | None:
            absorbed = {
                each.incident_id for each in self._here(began) if incident_id in each.absorbed
            }
            return next(
                (
                    each
                    for each in self.ear.after(began, DecisionMade)
                    if each.incident_id in {incident_id, *absorbed}
                    and each.verdict is not Verdict.WAIT
                ),
                None,
            )

        return self.ear.wait(made, "a decision", DECIDED_WITHIN)

    def _acted(self, first: DecisionMade, began: int) -> DecisionMade:
        """Return the first decision to act; what was waited for may not have mended itself."""
        later = (
            each
            for each in self.ear.after(began, DecisionMade)
            if each.incident_id == first.incident_id and each.verdict is Verdict.ACT
        )
        return next(later, first)

    def _end(self, decision: DecisionMade, began: int) -> None:
        if decision.verdict is Verdict.REVIEW:
            return
        ends: tuple[type[IncidentEvent], ...] = (IncidentClosed, ReviewRequested)
        self.ear.wait(
            lambda: next(
                (
                    each
                    for end in ends
                    for each in self.ear.after(began, end)
                    if each.incident_id == decision.incident_id
                ),
                None,
            ),
            "the end of the incident, or a question to a person",
            CLOSED_WITHIN,
        )

    def _stages(
        self, started: DiagnosisStarted, ready: DiagnosisReady, began: int
    ) -> Iterator[tuple[str, float]]:
        flags = [each for each in self.ear.after(began, AnomalyFlagged) if each.namespace in HERE]
        first = min(flags, key=lambda each: each.occurred_at)
        yield "effect_to_flagged", _between(first.since, first.occurred_at)
        yield "flagged_to_started", _between(first.occurred_at, started.occurred_at)
        yield "started_to_ready", _between(started.occurred_at, ready.occurred_at)
        for applied in self.ear.after(began, ActionApplied)[:1]:
            yield "ready_to_applied", _between(ready.occurred_at, applied.occurred_at)


def _between(earlier: dt.datetime, later: dt.datetime) -> float:
    return round((later - earlier).total_seconds(), 3)
