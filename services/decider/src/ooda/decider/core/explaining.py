"""The policy in words: what the playbook has for a class, and what would be done now. Pure."""

from collections.abc import Iterator

from ooda.common.phrases import requested, sentence
from ooda.common.taxonomy import FailureClass
from ooda.decider.core.limits import Limits
from ooda.decider.core.playbook import ActStep, Row, StandDownStep
from ooda.decider.core.policy import Act, Judgement, Review, StandDown, Wait
from ooda.decider.core.record import Incident


def of_class(failure: FailureClass, row: Row, limits: Limits) -> Iterator[str]:
    """Yield what is done about a failure class, and what bounds it."""
    if not row.steps:
        yield f"{failure}: a person is asked; the playbook has no step for it."
        return
    yield f"{failure}: the first of these whose conditions hold and that was not tried before:"
    for number, step in enumerate(row.steps, 1):
        yield f"{number}. {_step(step, limits)}"
    yield f"{len(row.steps) + 1}. else a person is asked"
    yield from _bounds(limits)


def of_incident(record: Incident, judgement: Judgement) -> Iterator[str]:
    """Yield what would be done about an incident if it were judged now, and why."""
    found = record.diagnosis
    if found is None:
        yield f"Incident {record.incident_id}: {record.phase}; there is no diagnosis."
        return
    place = found.component or "no component"
    yield f"Incident {record.incident_id}: {record.phase}, attempt {found.attempt}."
    yield (
        f"Diagnosis: {found.failure_class} of {place}, confidence {found.confidence:.2f}, "
        f"margin {found.margin:.2f}, {len(set(found.agreeing))} evidence families agree."
    )
    yield f"Open anomalies: {len(record.open_anomalies)}. Namespace in {record.mode} mode."
    yield from _would(judgement)


def _would(judgement: Judgement) -> Iterator[str]:
    match judgement:
        case Act(request=request, reason=reason):
            yield f"Now it would {requested(request).to_do()}: {reason}."
        case Wait(reason=reason, until=until):
            yield f"Now it would wait until {until:%H:%M:%S} UTC: {reason}"
        case StandDown(reason=reason):
            yield f"Now it would do nothing: {sentence(reason)}"
        case Review(proposal=None, reason=reason):
            yield f"Now it would ask a person, without a proposal: {reason}"
        case Review(proposal=proposal, refusals=refusals) if proposal is not None:
            yield f"Now it would ask a person whether to {requested(proposal).to_do()}."
            yield f"Not alone, because of {len(refusals)} of the checks:"
            for refusal in refusals:
                yield f"- {refusal}"


def _step(step: ActStep | StandDownStep, limits: Limits) -> str:
    when = f", if {' and '.join(step.when)}" if step.when else ""
    match step:
        case StandDownStep(stand_down_seconds=seconds):
            return f"nothing for {seconds:g} s, it is expected to mend itself{when}"
        case ActStep(action=action, risk=risk, verification=judged):
            return (
                f"{action}{when}; risk {risk}: alone from confidence "
                f"{limits.thresholds[risk]:.2f} on; it has to help for {judged.hold_seconds:g} s "
                f"within {judged.deadline_seconds:g} s"
            )


def _bounds(limits: Limits) -> Iterator[str]:
    window = f"within {limits.window:g} s"
    yield (
        f"Alone only with margin {limits.margin:.2f} or more, {limits.families} evidence families "
        "that agree, nobody else who owns the object, and the namespace in auto mode."
    )
    yield (
        f"Budgets {window}: {limits.per_workload} per workload, {limits.per_namespace} per "
        f"namespace, {limits.in_total} in total; {limits.cool_down:g} s between two on a workload; "
        f"{limits.unhelpful} attempts that did not help end it."
    )
    yield (
        f"Storm: from {limits.storm_incidents} incidents within {limits.storm_window:g} s on a "
        "person is asked."
    )
