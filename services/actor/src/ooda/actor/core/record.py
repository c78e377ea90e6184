"""The record of one action in bucket ``actions``: all that a successor needs to go on. Pure."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ooda.common.events import (
    ActionRequest,
    Approval,
    BeforeImage,
    DecisionMade,
    Moment,
    derive_id,
)
from ooda.common.phrases import sentence
from ooda.common.plans import Health, ResizeStep, Step, Verification
from ooda.common.targets import Target, namespace_of
from ooda.common.taxonomy import ActionKind, Mode, Outcome, Risk

RETENTION = dt.timedelta(days=1)
"""How long the record of a finished action is kept; the recorder keeps its events."""

MOST_FINISHED = 500
"""Records of finished actions that are kept at most."""


class State(StrEnum):
    """Where an action is. The ends have the names of ``Outcome``."""

    PLANNING = "planning"
    """The decision was taken up; nothing was planned yet."""
    PLANNED = "planned"
    """The API server accepted the dry run; ``action.started`` is being published."""
    RECORDED = "recorded"
    """The recorder has the intent."""
    APPLYING = "applying"
    """Steps may have been written or not: only the live objects tell."""
    APPLIED = "applied"
    """All steps were written; ``action.applied`` is being published."""
    VERIFYING = "verifying"
    UNDOING = "undoing"
    """The inverse may have been written or not; it has as long as the verification had."""
    KEPT = "kept"
    UNDONE = "undone"
    REFUSED = "refused"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    UNDO_CONFLICT = "undo_conflict"
    NOT_HELPED = "not_helped"

    @property
    def outcome(self) -> Outcome | None:
        """Return how the action ended, None if it has not."""
        return _OUTCOMES.get(self)


_OUTCOMES = {State(outcome.value): outcome for outcome in Outcome}


class ActionRecord(BaseModel):
    """One action from the decision to its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_id: str
    decision_id: str
    decision_event_id: str
    incident_id: str
    attempt: int
    cluster_id: str
    namespace: str | None
    action: ActionKind
    target: Target
    risk: Risk
    verification: Verification
    parameters: Mapping[str, str] = {}
    mode: Mode = Mode.AUTO
    """Of the namespace, when it was decided."""
    approval: Approval | None = None
    """Of the person who wanted it, where the agent may not act by itself."""
    decided_at: Moment
    valid_until: Moment
    anomalies: tuple[str, ...]
    """Those of the decision: one must be open for the write, all gone for success."""

    steps: tuple[Step, ...] = ()
    undo: Literal["inverse", "keep", "irreversible"] = "keep"
    before: tuple[BeforeImage, ...] = ()

    state: State
    changed_at: Moment
    """When the state was entered."""
    planned_at: Moment
    """When the decision was taken up: of two actions on one target the older one goes on."""
    reason: str = ""
    """One sentence for a person: why it is in this state."""
    done: int = 0
    """Steps that were written, in order."""
    taken_back: int = 0
    """Steps of ``done`` that were undone, or found not to be ours any more, from the last one."""
    restored: int = 0
    """Steps of ``taken_back`` that were really undone."""
    vain: bool = False
    """Whether what was written could not take effect: it says nothing of the diagnosis."""
    generation: int | None = None
    """The generation of the target after the write: older observations are of another spec."""
    written_at: Moment | None = None
    deadline: Moment | None = None
    good_since: Moment | None = None
    """The first of the snapshots that show success without a gap up to ``good_at``."""
    good_at: Moment | None = None
    worse: tuple[str, ...] = ()
    """Anomalies that were new near the target in the snapshot of ``worse_at``."""
    worse_at: Moment | None = None
    gone_at: Moment | None = None
    """The newest snapshot that counts, if it has the workload no more."""
    health_before: Health | None = None
    health_after: Health | None = None
    announced: bool = False
    """Whether ``action.executed`` was published."""

    @property
    def intent_id(self) -> str:
        """Return the event id of ``action.started``: what the recorder has to confirm."""
        return derive_id("action.started", self.action_id)

    @property
    def place(self) -> str:
        """Return what says how far the agent may go: the namespace, or the node itself."""
        return f"Namespace {self.namespace}" if self.namespace else sentence(str(self.target))

    @property
    def request(self) -> ActionRequest:
        """Return what was decided, as the decision said it."""
        return ActionRequest(
            action_id=self.action_id,
            action=self.action,
            target=self.target,
            risk=self.risk,
            verification=self.verification,
            parameters=self.parameters,
        )

    @property
    def in_place(self) -> bool:
        """Return whether pods that run were changed, and nothing that outlives them."""
        return self.done > 0 and any(isinstance(each, ResizeStep) for each in self.steps)

    @property
    def ended(self) -> bool:
        """Tell whether nothing will be written any more."""
        return self.state.outcome is not None

    def allowed_in(self, mode: Mode) -> bool:
        """Tell whether a namespace of this mode lets the action be carried out.

        In *auto* any, in *propose* what a person approved, in *observe* none.
        """
        return mode is Mode.AUTO or (mode is Mode.PROPOSE and self.approval is not None)

    def enter(self, state: State, now: dt.datetime, reason: str) -> "ActionRecord":
        """Return the record in another state."""
        return self.model_copy(update={"state": state, "changed_at": now, "reason": reason})


def begin(
    decision: DecisionMade,
    now: dt.datetime,
    state: State = State.PLANNING,
    reason: str = "The decision was taken up.",
) -> ActionRecord:
    """Return the first record of an action. Raises ValueError if the decision has no request."""
    request = decision.request
    if request is None:
        raise ValueError(f"decision {decision.decision_id} says to act, but not what to do")
    return ActionRecord(
        action_id=request.action_id,
        decision_id=decision.decision_id,
        decision_event_id=decision.event_id,
        incident_id=decision.incident_id,
        attempt=decision.attempt,
        cluster_id=decision.cluster_id,
        namespace=namespace_of(request.target),
        action=request.action,
        target=request.target,
        risk=request.risk,
        verification=request.verification,
        parameters=request.parameters,
        mode=decision.mode,
        approval=decision.approval,
        decided_at=decision.occurred_at,
        valid_until=decision.valid_until,
        anomalies=decision.anomalies,
        state=state,
        changed_at=now,
        planned_at=now,
        reason=reason,
    )


def to_delete(records: tuple[ActionRecord, ...], now: dt.datetime) -> tuple[str, ...]:
    """Return the ids of finished actions that are older than a day, or too many."""
    finished = sorted(
        (each for each in records if each.ended and each.announced),
        key=lambda each: each.changed_at,
        reverse=True,
    )
    return tuple(
        each.action_id
        for place, each in enumerate(finished)
        if place >= MOST_FINISHED or now - each.changed_at > RETENTION
    )
