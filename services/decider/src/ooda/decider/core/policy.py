"""Act, wait, ask a person or stand down: one diagnosis judged by the playbook. Pure and total."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from ooda.common.approvals import same_action
from ooda.common.events import ActionRequest, Approval, DiagnosisReady, derive_id
from ooda.common.modes import MODE_LABEL
from ooda.common.phrases import sentence
from ooda.common.plans import CONFIG_MAP_PARAMETER, POD_PARAMETER, Basis
from ooda.common.targets import NodeTarget, ServiceTarget, WorkloadTarget, namespace_of
from ooda.common.taxonomy import ActionKind, Mode
from ooda.decider.core.advice import advice
from ooda.decider.core.budgets import Budgets, Reservation
from ooda.decider.core.facts import Facts
from ooda.decider.core.limits import Limits
from ooda.decider.core.playbook import ActStep, Condition, Row, StandDownStep

TEMPLATE_PATH = "spec.template"
"""How the paths of a change begin that a roll back takes back."""


Actionable = WorkloadTarget | ServiceTarget | NodeTarget
"""What there are actions on."""


@dataclass(frozen=True, slots=True)
class History:
    """What was done about the incident before."""

    tried: frozenset[ActionKind] = frozenset()
    """Actions that were carried out and did not help."""
    unhelpful: int = 0
    stood_down: bool = False
    handed_over: str | None = None
    """Why a person has it already, for good."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What a person consented to: the action as it was proposed, on the object as it was."""

    approval: Approval
    proposal: ActionRequest

    def covers(self, request: ActionRequest, basis: Basis | None) -> bool:
        """Tell whether this is that action on that state."""
        return same_action(self.proposal, request) and self.approval.basis == basis


@dataclass(frozen=True, slots=True)
class Case:
    """An incident at the moment it is judged."""

    diagnosis: DiagnosisReady
    history: History
    open_anomalies: int
    pod: str | None
    """A pod that shows the failure."""
    recent_incidents: int
    """Opened within the storm window, this one included."""
    approved: Approved | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Carry it out, alone or as a person approved it."""

    request: ActionRequest
    reservation: Reservation
    threshold: float
    reason: str
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Judge again at a time."""

    until: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Review:
    """Ask a person, with what the agent would do, if anything."""

    reason: str
    proposal: ActionRequest | None = None
    threshold: float | None = None
    basis: Basis | None = None
    """What an approval of the proposal would be bound to."""
    refusals: tuple[str, ...] = ()
    """All that stands in the way of doing it alone; the reason is the first."""
    instructions: str = ""
    """What a person can do by hand, exactly."""


@dataclass(frozen=True, slots=True)
class StandDown:
    """Do nothing; at the deadline, if there is one, judge again without this way out."""

    until: dt.datetime | None
    reason: str


Judgement = Act | Wait | Review | StandDown


def decide(
    case: Case, row: Row, facts: Facts, budgets: Budgets, limits: Limits, now: dt.datetime
) -> Judgement:
    """Judge a diagnosis: the reason is one sentence, with numbers where there are any."""
    if facts.mode is Mode.OBSERVE:
        return StandDown(None, "observe mode")
    if not case.open_anomalies:
        return StandDown(None, "No anomaly of the incident is open any more (0 of at least 1).")
    for reason in _of_history(case, limits):
        return Review(reason, instructions=facts.instructions)
    match _choose(case, row, facts):
        case StandDownStep(stand_down_seconds=seconds):
            return StandDown(
                now + dt.timedelta(seconds=seconds),
                f"{_class(case)} is expected to mend itself within {seconds:g} s.",
            )
        case ActStep() as step if isinstance(case.diagnosis.component, Actionable):
            return _gate(case, step, case.diagnosis.component, _Board(facts, budgets, limits, now))
        case _:
            reason = _without_action(case, facts)
            return Review(reason, instructions=facts.instructions)


def _without_action(case: Case, facts: Facts) -> str:
    if facts.instructions:
        return f"{_class(case)}: what others may do is never changed by the agent."
    reason = f"The playbook has no action for {_class(case)} as it is now."
    return f"{reason}{advice(case.diagnosis.component)}"


def _choose(case: Case, row: Row, facts: Facts) -> ActStep | StandDownStep | None:
    true = _conditions(case, facts)
    for step in row.steps:
        if isinstance(step, StandDownStep):
            spent = case.history.stood_down
        else:
            spent = step.action in case.history.tried
        if not spent and true.issuperset(step.when):
            return step
    return None


def _conditions(case: Case, facts: Facts) -> frozenset[Condition]:
    known, asked = facts.known_replicas, facts.replicas
    controlled = isinstance(case.diagnosis.component, WorkloadTarget)
    holds = {
        Condition.BEGAN_WITH_CHANGE: case.diagnosis.change is not None,
        Condition.KNOWN_GOOD_EXISTS: facts.known_template and _of_template(case.diagnosis),
        Condition.CONFIG_MAP_KNOWN_GOOD: facts.config_map is not None,
        Condition.SERVICE_KNOWN_GOOD: facts.known_service,
        Condition.BELOW_KNOWN_GOOD: known is not None and asked is not None and asked < known,
        Condition.POD_NAMED: case.pod is not None,
        Condition.MEMORY_LIMITED: facts.memory_limited,
        Condition.NODE_SCHEDULABLE: facts.schedulable,
        Condition.OTHER_NODES_READY: facts.others_ready,
        Condition.CONTROLLER_REPLACES: facts.exists and asked != 0 and controlled,
    }
    return frozenset(each for each, true in holds.items() if true)


def _of_template(diagnosis: DiagnosisReady) -> bool:
    """Return whether the blamed change is one that the known good template takes back.

    A ConfigMap that changed, say, stays as it is when the workload goes back to an older release.
    """
    change = diagnosis.change
    return (
        change is not None
        and change.known_good
        and any(each.startswith(TEMPLATE_PATH) for each in change.fields)
    )


@dataclass(frozen=True, slots=True)
class _Board:
    """What the checks look at, beside the case."""

    facts: Facts
    budgets: Budgets
    limits: Limits
    now: dt.datetime


def _gate(case: Case, step: ActStep, target: Actionable, board: _Board) -> Judgement:
    diagnosis = case.diagnosis
    action_id = derive_id("action", diagnosis.incident_id, diagnosis.attempt, step.action)
    request = ActionRequest(
        action_id=action_id,
        action=step.action,
        target=target,
        risk=step.risk,
        verification=step.verification.verification(),
        parameters=_parameters(step.action, target, case.pod, board.facts),
    )
    threshold = board.limits.thresholds[step.risk]
    others = board.budgets.others(action_id, board.limits.window, board.now)
    refusals = (
        *_of_evidence(diagnosis, threshold, board.limits),
        *_never(target, board),
        *_of_place(step, target, board),
        *_of_budgets(others, target, case, board.limits),
    )
    basis = board.facts.basis(request)
    consent = case.approved if case.approved and case.approved.covers(request, basis) else None
    # A person may know better than the evidence, the owner's marks and the budgets.
    standing = refusals if consent is None else tuple(_never(target, board))
    if standing:
        return Review(standing[0], request, threshold, basis, standing)
    busy = _in_flight(others, target, board) or (
        _cooling(others, target, board) if consent is None else None
    )
    if busy is not None:
        return busy
    return Act(
        request,
        Reservation(
            action_id=action_id,
            incident_id=diagnosis.incident_id,
            workload=str(target),
            namespace=namespace_of(target) or "",
            reserved_at=board.now,
        ),
        threshold,
        _why(case, threshold, consent, refusals),
        consent.approval if consent else None,
    )


def _why(case: Case, threshold: float, consent: Approved | None, refusals: tuple[str, ...]) -> str:
    confidence = f"{_class(case)}, confidence {case.diagnosis.confidence:.2f}"
    if consent is None:
        return f"{confidence}, {threshold:.2f} needed"
    alone = f"; not alone, because: {refusals[0].rstrip('.')}" if refusals else ""
    return f"{consent.approval.person} approved it; {confidence}{alone}"


def _parameters(
    action: ActionKind, target: Actionable, pod: str | None, facts: Facts
) -> dict[str, str]:
    """Name the other object that an action is about; what is not known is not named."""
    named: dict[str, str | None] = {}
    match action:
        case ActionKind.RESTART_POD | ActionKind.RAISE_MEMORY_LIMIT:
            # To restart it, or to see what was killed.
            named = {POD_PARAMETER: pod}
        case ActionKind.ROLL_BACK_WORKLOAD if facts.by_hand or _replaces_one_by_one(target):
            # It does not replace the pod that never became ready.
            named = {POD_PARAMETER: pod}
        case ActionKind.ROLL_BACK_CONFIG_MAP:
            named = {CONFIG_MAP_PARAMETER: facts.config_map}
    return {name: value for name, value in named.items() if value is not None}


def _replaces_one_by_one(target: Actionable) -> bool:
    return isinstance(target, WorkloadTarget) and target.workload_kind == "StatefulSet"


def _of_history(case: Case, limits: Limits) -> Iterator[str]:
    history = case.history
    if history.handed_over is not None:
        yield history.handed_over
    if history.unhelpful >= limits.unhelpful:
        yield f"{history.unhelpful} attempts did not help, of {limits.unhelpful} allowed."


def _of_evidence(diagnosis: DiagnosisReady, threshold: float, limits: Limits) -> Iterator[str]:
    # Written so that a number that is none (NaN) fails the check.
    if not diagnosis.confidence >= threshold:
        yield f"Confidence {diagnosis.confidence:.3f} is below {threshold:.2f}."
    if not diagnosis.margin >= limits.margin:
        yield f"Margin {diagnosis.margin:.3f} is below {limits.margin:.2f}."
    families = len(set(diagnosis.agreeing))
    if families < limits.families:
        yield f"Evidence families that agree: {families} of {limits.families} needed."


def _never(target: Actionable, board: _Board) -> Iterator[str]:
    """Yield what no approval overrides."""
    namespace = namespace_of(target)
    if namespace in board.limits.closed_to_us:
        yield f"Namespace {namespace} is the agent's own or the system's."
    if not board.facts.opted_in:
        yield (
            f"{_place(target)} has no label {MODE_LABEL}: nothing is written there, "
            "not even what is approved."
        )
    if not board.facts.exists:
        yield f"{target} is not there, or of a kind that no action knows."


def _of_place(step: ActStep, target: Actionable, board: _Board) -> Iterator[str]:
    facts = board.facts
    if facts.owner is not None:
        yield f"{target} belongs to {facts.owner}, which would undo or repeat the change."
    if facts.config_map_owner is not None and step.action is ActionKind.ROLL_BACK_CONFIG_MAP:
        yield (
            f"ConfigMap {facts.config_map} belongs to {facts.config_map_owner}, "
            "which would undo or repeat the change."
        )
    if facts.autoscaler is not None and step.action is ActionKind.SCALE_TO_KNOWN_GOOD:
        yield f"HorizontalPodAutoscaler {facts.autoscaler} sets the replicas of {target}."
    if facts.mode is not Mode.AUTO:
        yield f"{_place(target)} is in {facts.mode} mode."


def _place(target: Actionable) -> str:
    """Return whose mode it is, to begin a sentence."""
    namespace = namespace_of(target)
    return f"Namespace {namespace}" if namespace else sentence(str(target))


def _of_budgets(
    others: tuple[Reservation, ...], target: Actionable, case: Case, limits: Limits
) -> Iterator[str]:
    if case.recent_incidents >= limits.storm_incidents:
        yield (
            f"Storm: {case.recent_incidents} incidents within {limits.storm_window:g} s, "
            f"and {limits.storm_incidents} are too many to act alone."
        )
    if any(each.overdue and each.workload == str(target) for each in others):
        yield f"Nothing was heard of the end of an earlier action on {target}."
    namespace = namespace_of(target)
    counts = (
        (sum(each.workload == str(target) for each in others), limits.per_workload, target),
        (
            sum(each.namespace == (namespace or "") for each in others),
            limits.per_namespace,
            f"namespace {namespace}" if namespace else "all nodes",
        ),
        (len(others), limits.in_total, "the cluster"),
    )
    for used, allowed, place in counts:
        if used >= allowed:
            yield f"Budget of {place}: {used} of {allowed} actions within {limits.window:g} s."


def _in_flight(others: tuple[Reservation, ...], target: Actionable, board: _Board) -> Wait | None:
    for each in others:
        if each.workload == str(target) and each.ended_at is None and not each.overdue:
            until = board.now + dt.timedelta(seconds=board.limits.retry)
            return Wait(until, f"Another action on {target} is in flight: 1 of 1.")
    return None


def _cooling(others: tuple[Reservation, ...], target: Actionable, board: _Board) -> Wait | None:
    for each in others:
        if each.workload != str(target) or each.ended_at is None:
            continue
        calm = each.ended_at + dt.timedelta(seconds=board.limits.cool_down)
        if calm > board.now:
            left = (calm - board.now).total_seconds()
            return Wait(calm, f"{target} cools down for another {left:.0f} s after an action.")
    return None


def _class(case: Case) -> str:
    return str(case.diagnosis.failure_class)
