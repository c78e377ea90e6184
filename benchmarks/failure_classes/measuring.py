"""One fault or control: break, hear what the agent makes of it, put back, judge.

Of most faults all targets are broken at once, which is the harder question: each of them has to
have an incident of its own, and nothing else may have one.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from e2e.live.bus import Ear
from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.shop import SHOP, wait_until_whole
from e2e.live.workloads import workloads
from failure_classes.faults import Answer, Control, Fault
from failure_classes.watching import Eyes
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
from ooda.common.targets import Target
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
    incident_ids: tuple[str, ...] = ()
    incidents: int = 0
    """Those of this target, and those that are of no target."""
    actions: int = 0
    class_right: bool = False
    component_right: bool = False
    answer_right: bool = False
    seconds: dict[str, float] | None = None
    """From each stage to the next. The effect is when a watch of our own first showed it; where
    objects do not show it (a probe that does not succeed yet, a denial, a silent node), when the
    cluster says that it began."""
    failure: str | None = None


@dataclass(frozen=True)
class Laboratory:
    """The cluster, and the bus as it is heard."""

    kube: Kube
    ear: Ear
    eyes: Eyes

    def faults(self, fault: Fault, targets: Sequence[str]) -> Sequence[Run]:
        """Break workloads at the same time and return what the agent made of each."""
        self.settle()
        began = self.ear.now()
        self.eyes.look_for(fault.shows, targets)
        with ThreadPoolExecutor(len(targets)) as threads:
            found = list(threads.map(lambda each: self._fault(fault, each, began), targets))
        known = {each for run in found for each in run.incident_ids}
        strays = len({each.incident_id for each in self._here(began)} - known)
        return [replace(each, incidents=len(each.incident_ids) + strays) for each in found]

    def controls(self, control: Control, targets: Sequence[str]) -> Sequence[Run]:
        """Do what is no failure; anything that the agent does is a failure of its own."""
        self.settle()
        scene = Scene(self.ear, SHOP, self.ear.now())
        with ThreadPoolExecutor(len(targets)) as threads:
            list(threads.map(lambda each: control.does(self.kube, each), targets))
        with contextlib.suppress(AssertionError):
            scene.quiet(QUIET_WITHIN, snapshots=3)
        actions = scene.actions()
        opened = {each.incident_id for each in self.ear.after(scene.began, DiagnosisStarted)}
        return [
            Run(
                control.name,
                each,
                incidents=len(opened),
                actions=len(actions),
                answer_right=not actions,
            )
            for each in targets
        ]

    def settle(self) -> None:
        """Wait until the shop is whole, quiet, and known to be good as it is."""
        wait_until_whole(self.kube)
        Scene(self.ear, SHOP, self.ear.now()).quiet(QUIET_WITHIN)
        for each in workloads(self.kube):
            each.wait_until_known()

    def _fault(self, fault: Fault, target: str, began: int) -> Run:
        undo: Callable[[], None] = fault.breaks(self.kube, target)
        try:
            return self._follow(fault, target, began)
        except AssertionError as error:
            return Run(fault.name, target, failure=str(error).splitlines()[0])
        finally:
            undo()

    def _follow(self, fault: Fault, target: str, began: int) -> Run:
        started = self.ear.wait(
            lambda: next(iter(self._about(fault, target, began)), None),
            "an incident",
            NOTICED_WITHIN,
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
        applied = [
            each
            for each in self.ear.after(began, ActionApplied)
            if each.incident_id == decision.incident_id
        ]
        answer: Answer = decision.request.action if decision.request else decision.verdict
        component = fault.component.format(namespace=SHOP, name=target)
        ids = {each.incident_id for each in self._about(fault, target, began)}
        return Run(
            fault.name,
            target,
            failure_class=str(ready.failure_class),
            component=str(ready.component),
            answer=str(answer),
            outcome=str(executed[-1]) if executed else None,
            incident_ids=tuple(sorted(ids)),
            actions=len(applied),
            class_right=ready.failure_class in fault.truth,
            component_right=str(ready.component) == component,
            answer_right=answer in fault.accepted
            and (not executed or executed[-1] is Outcome.KEPT),
            seconds=dict(self._stages(target, started, ready, applied, began)),
        )

    def _about(self, fault: Fault, target: str, began: int) -> list[DiagnosisStarted]:
        """Return the incidents of a target; if it is broken alone, all that there are are its."""
        found = self._here(began)
        if fault.alone:
            return found
        return [
            each
            for each in found
            if any(_names(anomaly.target) & {target} for anomaly in each.anomalies)
        ]

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
        self,
        target: str,
        started: DiagnosisStarted,
        ready: DiagnosisReady,
        applied: Sequence[ActionApplied],
        began: int,
    ) -> Iterator[tuple[str, float]]:
        ours = {each.anomaly_id for each in started.anomalies}
        flags = [each for each in self.ear.after(began, AnomalyFlagged) if each.anomaly_id in ours]
        first = min(flags, key=lambda each: each.occurred_at)
        effect = self.eyes.first_seen(target) or first.since
        yield "effect_to_flagged", _between(effect, first.occurred_at)
        yield "flagged_to_started", _between(first.occurred_at, started.occurred_at)
        yield "started_to_ready", _between(started.occurred_at, ready.occurred_at)
        if applied:
            yield "ready_to_applied", _between(ready.occurred_at, applied[0].occurred_at)


def _names(target: Target) -> set[str]:
    """Return the name of what an anomaly is about, and of the workload if it is a pod."""
    name = str(getattr(target, "name", ""))
    return {name, name.rsplit("-", 2)[0]}


def _between(earlier: dt.datetime, later: dt.datetime) -> float:
    return round((later - earlier).total_seconds(), 3)
