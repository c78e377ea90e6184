"""The events of the loop: one class per subject, the only thing that services share at run time.

Pure. Every event is a fact in the past tense and says itself in one sentence (``summary``), so
that ``nats sub 'anomaly.>'`` can be read as it scrolls. Unknown fields are ignored on read: a
newer publisher does not break an older reader. The identity of a derived event is computed from
its cause (``derive_id``), so that publishing it again after a crash is the same event.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from ooda.common.findings import Change, Consultation, Finding, Hypothesis
from ooda.common.plans import Basis, Health, Step, Verification
from ooda.common.targets import Target
from ooda.common.taxonomy import (
    ActionKind,
    Closure,
    EvidenceFamily,
    FailureClass,
    Mode,
    Outcome,
    Risk,
    Settlement,
    Signal,
    Source,
    Verdict,
)

SNAPSHOT_LIMIT = 256 * 1024
"""Bytes of JSON that a snapshot may have; the observer leaves pods out until it fits."""

SUMMARY_LIMIT = 400
"""Characters of the one sentence in which an event says itself."""

INSTRUCTIONS_LIMIT = 6000
"""Characters of what a person can do by hand; it is shown whole or not at all."""

COMMENT_LIMIT = 1000
"""Characters that a person may say beside an answer."""

_IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "ooda.dev")


def derive_id(*parts: str | int) -> str:
    """Compute an identity from what makes an event this event: its kind, cause, sequence."""
    return str(uuid.uuid5(_IDS, "\x1f".join(str(part) for part in parts)))


def _to_milliseconds(value: dt.datetime) -> dt.datetime:
    utc = value.astimezone(dt.UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, AfterValidator(_to_milliseconds)]
"""A time in UTC, to the millisecond."""

Probability = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(BaseModel):
    """What every event has."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: ClassVar[str]

    event_id: str
    version: int = 1
    summary: str = Field(max_length=SUMMARY_LIMIT)
    occurred_at: Moment
    cluster_id: str
    namespace: str | None
    caused_by: tuple[str, ...] = ()

    def subject_of(self) -> str:
        """Return the subject that this very event is published on."""
        return self.subject


class IncidentEvent(Event):
    """What every event of an incident has."""

    incident_id: str


# --- Observe ---


class ContainerState(_Part):
    """One container of an unhealthy pod."""

    name: str
    image: str
    ready: bool
    restarts: int
    waiting: str | None = None
    exit_code: int | None = None
    last_reason: str | None = None


class PodRow(_Part):
    """A pod that is unhealthy or changed since the last snapshot."""

    name: str
    uid: str
    phase: str
    node: str | None
    ready: bool
    terminating: bool
    containers: tuple[ContainerState, ...] = ()


class WorkloadRow(_Part):
    """One workload; in the snapshot whether healthy or not."""

    target: Target
    uid: str
    generation: int
    observed_generation: int
    desired: int
    current: int
    updated: int
    ready: int
    available: int
    restarts: int
    minimum: int
    """Replicas below which it is short: PodDisruptionBudget, annotation, else one."""
    rolling_out: bool
    healthy_since: Moment | None = None


class GraphEdge(_Part):
    """One relation of the dependency graph."""

    relation: Literal["owns", "selects", "placed_on", "calls", "uses"]
    source: Target
    sink: Target


class Freshness(_Part):
    """How old what the observer knows from one source is."""

    source: Source
    seen_at: Moment | None
    stale: bool


class OpenAnomaly(_Part):
    """An anomaly that was flagged and not cleared."""

    anomaly_id: str
    signal: Signal
    target: Target
    since: Moment


class TelemetrySnapshot(Event):
    """One namespace's state; ``event_id`` from namespace and time."""

    subject: ClassVar[str] = "telemetry.snapshot"

    freshness: tuple[Freshness, ...]
    workloads: tuple[WorkloadRow, ...]
    """Those with an open anomaly first, then what is short, then what became healthy last."""
    workloads_left_out: int = 0
    """Healthy for longest, of a namespace that is too large for one event."""
    pods: tuple[PodRow, ...]
    pods_left_out: int = 0
    graph: tuple[GraphEdge, ...]
    nodes_lost: tuple[str, ...] = ()
    """Nodes with pods of the namespace whose kubelets do not renew their Leases."""
    anomalies: tuple[OpenAnomaly, ...]


class AnomalyFlagged(Event):
    """Something deviates. ``anomaly_id`` is derived from target, signal and onset."""

    subject: ClassVar[str] = "anomaly.flagged"

    anomaly_id: str
    signal: Signal
    hard: bool
    target: Target
    since: Moment
    """When the cluster says that it began; for a soft signal, when the first sample deviated."""
    pod: str | None = None
    """A pod that shows it, as an example."""
    node: str | None = None
    related: tuple[Target, ...] = ()
    """Owners and Services of the target: what joins anomalies of one cause."""
    observed: Mapping[str, str] = {}
    """What was seen, such as container, reason, image, exit_code: data, for people and tools."""


class AnomalyCleared(Event):
    """A flagged anomaly is gone."""

    subject: ClassVar[str] = "anomaly.cleared"

    anomaly_id: str
    signal: Signal
    target: Target
    since: Moment


# --- Orient ---


class DiagnosisStarted(IncidentEvent):
    """An incident was opened, or extended by anomalies, or is diagnosed again."""

    subject: ClassVar[str] = "diagnosis.started"

    attempt: int
    opened_at: Moment
    anomalies: tuple[OpenAnomaly, ...]
    suspects: tuple[Target, ...]
    reason: Literal["opened", "extended", "not_helped", "expired", "sighted"]
    absorbed: tuple[str, ...] = ()
    """Ids of younger incidents that turned out to have this one's cause; they are merged into it
    and get no diagnosis of their own any more."""


class DiagnosisReady(IncidentEvent):
    """What failed and why, or that it is unknown."""

    subject: ClassVar[str] = "diagnosis.ready"

    attempt: int
    failure_class: FailureClass
    component: Target | None
    confidence: Probability
    margin: float
    """Confidence minus the best hypothesis that would lead to a different action."""
    change: Change | None
    """The change that it began with, if it began with one."""
    agreeing: tuple[EvidenceFamily, ...]
    contradicting: tuple[EvidenceFamily, ...]
    hypotheses: tuple[Hypothesis, ...]
    findings: tuple[Finding, ...]
    anomalies: tuple[OpenAnomaly, ...]
    consultation: Consultation | None = None
    """What was said with a language model; None if none was asked."""


# --- Decide ---


class ActionRequest(_Part):
    """The one action that was chosen: what, on which target, and how it is judged."""

    action_id: str
    action: ActionKind
    target: Target
    risk: Risk
    verification: Verification
    parameters: Mapping[str, str] = {}


class Approval(_Part):
    """A person's consent to one action on one state of its object."""

    review_id: str
    answer_id: str
    """Event id of the ``review.answered``."""
    person: str
    answered_at: Moment
    basis: Basis


class DecisionMade(IncidentEvent):
    """Act, wait, review or stand down. Nothing is done with it after ``valid_until``."""

    subject: ClassVar[str] = "decision.made"

    decision_id: str
    attempt: int
    verdict: Verdict
    reason: str
    valid_until: Moment
    mode: Mode
    threshold: Probability | None = None
    request: ActionRequest | None = None
    """Set if and only if the verdict is to act."""
    anomalies: tuple[str, ...] = ()
    """Ids of the anomalies that have to be open when it is carried out."""
    approval: Approval | None = None
    """Who approved it, where the agent would not have acted alone."""


class ReviewRequested(IncidentEvent):
    """A person is asked."""

    subject: ClassVar[str] = "review.requested"

    review_id: str
    question: str
    reason: str
    expires_at: Moment
    failure_class: FailureClass
    component: Target | None
    confidence: Probability
    proposal: ActionRequest | None = None
    """What the agent would do, if it would do anything."""
    basis: Basis | None = None
    """What an approval of the proposal holds for; without it nothing can be approved."""
    instructions: Annotated[str, Field(max_length=INSTRUCTIONS_LIMIT)] = ""
    """What a person can do by hand where the agent may not: what changed, and exact commands."""


class ReviewAnswered(Event):
    """A person answered; on ``review.answered.<person>``, which only that person may publish."""

    subject: ClassVar[str] = "review.answered.*"

    review_id: str
    person: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    answer: Literal["approve", "reject"]
    comment: Annotated[str, Field(max_length=COMMENT_LIMIT)] = ""
    incident_id: str | None = None
    """Where to say that the review is not known; nothing is decided by it."""

    def subject_of(self) -> str:
        """Return the subject of this person."""
        return f"review.answered.{self.person}"


class ReviewSettled(IncidentEvent):
    """What came of a person's answer, once for each of them."""

    subject: ClassVar[str] = "review.settled"

    review_id: str
    answer_id: str
    """Event id of the ``review.answered``."""
    person: str
    settlement: Settlement
    reason: str
    next_review_id: str | None = None
    """The question that is asked in place of the answered one."""


# --- Act ---


class BeforeImage(_Part):
    """What an action is about to change, as it was."""

    object: str
    uid: str
    resource_version: str
    fields: Mapping[str, Any]
    """Old values by JSON pointer."""


class ActionStarted(IncidentEvent):
    """The intent: exact steps and what they will change. Nothing was written yet."""

    subject: ClassVar[str] = "action.started"

    action_id: str
    decision_id: str
    action: ActionKind
    target: Target
    risk: Risk
    steps: tuple[Step, ...]
    undo: Literal["inverse", "keep", "irreversible"]
    before: tuple[BeforeImage, ...]
    verification: Verification
    valid_until: Moment


class ActionRecorded(IncidentEvent):
    """The recorder has the intent, durably: the action may go on."""

    subject: ClassVar[str] = "action.recorded"

    action_id: str
    intent_id: str
    """Event id of the ``action.started`` that was recorded."""
    row_hash: str


class ActionApplied(IncidentEvent):
    """The write was accepted by the API server."""

    subject: ClassVar[str] = "action.applied"

    action_id: str
    undo: bool = False
    """Whether this is the taking back of the action."""
    objects: tuple[str, ...]


class ActionExecuted(IncidentEvent):
    """The action ended: kept, undone, or never carried out, with health before and after."""

    subject: ClassVar[str] = "action.executed"

    action_id: str
    decision_id: str
    attempt: int
    outcome: Outcome
    reason: str
    before: Health | None
    after: Health | None
    wrote: bool
    """Whether anything was written to the cluster, even if it was taken back."""
    target: Target | None = None
    """What it was on; None of an actor that did not say so yet."""
    follow_up: str = ""
    """What is left to a person though it helped; empty: nothing, or what is always left."""


class StageTimes(_Part):
    """When an incident reached each stage."""

    since: Moment | None = None
    flagged: Moment | None = None
    started: Moment | None = None
    diagnosed: Moment | None = None
    decided: Moment | None = None
    applied: Moment | None = None
    verified: Moment | None = None


class IncidentClosed(IncidentEvent):
    """The end of an incident."""

    subject: ClassVar[str] = "incident.closed"

    closure: Closure
    failure_class: FailureClass | None
    component: Target | None
    reason: str
    follow_up: str = ""
    """What a person should still look at, though nothing is wrong any more; empty: nothing."""
    merged_into: str | None = None
    times: StageTimes


# --- Ground truth of an injection: the injector and the evaluation only ---


class FaultEvent(Event):
    """What every event of an injected fault has."""

    run_id: str
    scenario: str
    target: str


class FaultRequested(FaultEvent):
    """Somebody asked for a fault."""

    subject: ClassVar[str] = "fault.requested"

    intensity: str | None
    duration_seconds: float
    parameters: Mapping[str, str] = {}
    valid_until: Moment


class FaultRefused(FaultEvent):
    """A fence refused it; nothing was written."""

    subject: ClassVar[str] = "fault.refused"

    code: str
    reason: str


class FaultArmed(FaultEvent):
    """Journal, time limit and undo are in place."""

    subject: ClassVar[str] = "fault.armed"

    expires_at: Moment


class FaultEffective(FaultEvent):
    """The effect probe saw the fault bite."""

    subject: ClassVar[str] = "fault.effective"

    failing_since: Moment
    probe_period_ms: int
    failure_class: FailureClass
    component: Target


class FaultCleared(FaultEvent):
    """The baseline is back."""

    subject: ClassVar[str] = "fault.cleared"

    repaired_by_agent: bool
    ending: str = ""
    """Why it was taken back, such as ``expired``; ``no_effect``: nobody saw it bite, the run has
    failed. Empty of an injector that did not say so yet."""
    bystanders: tuple[str, ...] = ()
    """Workloads beside the target that were hit, as ``Deployment/web``."""


class FaultTeardownFailed(FaultEvent):
    """The baseline could not be restored; the namespace is quarantined."""

    subject: ClassVar[str] = "fault.teardown_failed"

    reason: str


# --- What could not be handled ---


class DeadLetter(Event):
    """An event that a service could not handle, whole, with the error."""

    subject: ClassVar[str] = "dead.letter"

    service: str
    stream: str
    sequence: int
    original_subject: str
    error: str
    deliveries: int
    payload: str
    """The original, as text; what is no UTF-8 is replaced, and ``truncated`` says if it was cut."""
    truncated: bool = False
    headers: Mapping[str, str] = {}


EVENTS: tuple[type[Event], ...] = (
    TelemetrySnapshot,
    AnomalyFlagged,
    AnomalyCleared,
    DiagnosisStarted,
    DiagnosisReady,
    DecisionMade,
    ReviewRequested,
    ReviewAnswered,
    ReviewSettled,
    ActionStarted,
    ActionRecorded,
    ActionApplied,
    ActionExecuted,
    IncidentClosed,
    FaultRequested,
    FaultRefused,
    FaultArmed,
    FaultEffective,
    FaultCleared,
    FaultTeardownFailed,
    DeadLetter,
)
"""Every event, in the order of the loop."""


class UnknownSubjectError(ValueError):
    """No event is published on this subject."""


def event_class(subject: str) -> type[Event]:
    """Return the class of the events on a subject. Raises UnknownSubjectError."""
    name = ReviewAnswered.subject if subject.startswith("review.answered.") else subject
    for each in EVENTS:
        if each.subject == name:
            return each
    raise UnknownSubjectError(f"no event is published on {subject!r}")


def parse_event(subject: str, body: bytes | str) -> Event:
    """Read an event of a subject. Raises ValueError (also pydantic's) if it is none."""
    return event_class(subject).model_validate_json(body)
