"""What must hold right before a write. Pure. Unknown is not permitted: it waits, and may expire."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from ooda.actor.core.record import ActionRecord, State
from ooda.common.cluster.kinds import Kind
from ooda.common.plans import CreateJobStep, ObjectRef, Step
from ooda.common.taxonomy import Mode


class Symptom(StrEnum):
    """Whether one of the decision's anomalies is still open."""

    OPEN = "open"
    GONE = "gone"
    UNKNOWN = "unknown"
    """Nothing that counts was seen since the decision, or of late."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What was read for this write."""

    stopped: bool | None
    """Whether the kill switch is there; None: could not be read."""
    mode: Mode | None
    """Of the target's namespace, or of the node; None: could not be read."""
    symptom: Symptom
    other: str | None
    """Another action that is in flight on the same target."""


@dataclass(frozen=True, slots=True)
class Go:
    """The write may be made now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: something could not be seen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Not any more."""

    state: State
    reason: str


def may_write(record: ActionRecord, guards: Guards, now: dt.datetime) -> Go | Hold | Stop:
    """Judge whether a step of the action may be written at this moment."""
    refusals = (
        (
            now >= record.valid_until,
            Stop(State.EXPIRED, "The decision expired before anything was written."),
        ),
        (
            guards.stopped is True,
            Stop(State.REFUSED, "The agent is stopped: the kill switch is there."),
        ),
        (
            guards.mode is not None and not record.allowed_in(guards.mode),
            Stop(State.REFUSED, f"{record.place} is in mode {guards.mode}."),
        ),
        (
            guards.other is not None,
            Stop(State.REFUSED, f"Action {guards.other} is in flight on {record.target}."),
        ),
        (
            guards.symptom is Symptom.GONE,
            Stop(State.EXPIRED, "The anomalies cleared before anything was written."),
        ),
    )
    stop = next((each for holds, each in refusals if holds), None)
    return stop or _unseen(record, guards) or Go()


def _unseen(record: ActionRecord, guards: Guards) -> Hold | None:
    if guards.stopped is None:
        return Hold("Whether the kill switch is there could not be read.")
    if guards.mode is None:
        return Hold(f"The mode could not be read: {record.place}.")
    if guards.symptom is Symptom.UNKNOWN:
        return Hold("No fresh snapshot says whether the decision's anomalies are still open.")
    return None


@dataclass(frozen=True, slots=True)
class Fence:
    """What the agent never touches: itself, the system, and the node that it runs on."""

    namespaces: frozenset[str]
    node: str

    def refuses(self, steps: tuple[Step, ...]) -> str | None:
        """Say which step is behind the fence, None if none is."""
        for step in steps:
            reference = object_of(step)
            if reference.namespace in self.namespaces:
                return f"Namespace {reference.namespace} is the agent's own, or the system's."
            if reference.kind == Kind.NODE and reference.name == self.node:
                return f"The agent itself runs on {reference}."
            if reference.kind == Kind.NODE and not self.node:
                return "The agent does not know which node it runs on."
        return None


def object_of(step: Step) -> ObjectRef:
    """Return the object that a step reads or changes; of a Job to create, its CronJob."""
    return step.cron_job if isinstance(step, CreateJobStep) else step.object
