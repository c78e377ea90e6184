"""A fault run and its journal: the custom resource ``FaultRun``, one object per run.

Pure. It is in the injector's own namespace, and nobody of the loop may read its kind. Everything
that a run will change is in it with the old value before anything is changed, so that whoever finds
it can give the cluster back: the injector, the reaper, or a person with kubectl.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ooda.common.events import Moment
from ooda.common.fault_probes import Effect
from ooda.common.node_means import ASKED_EVERY_SECONDS, Contact, Means, Proof
from ooda.common.plans import FieldChange, ObjectRef
from ooda.common.targets import Target
from ooda.common.taxonomy import ActionKind, FailureClass


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Phase(StrEnum):
    """How far a run is; in this order, except that every phase may become REVERTING."""

    ADMITTED = "admitted"
    """Written down. Nothing is held, nothing is changed."""
    ARMED = "armed"
    """The Leases are held and the end is set; the steps are being applied."""
    ACTIVE = "active"
    REVERTING = "reverting"
    HOLDING = "holding"
    """The run's own changes are taken back; the agent may still be at work on what it saw."""
    VERIFYING = "verifying"
    """Everything is as it was left; the baseline is waited for."""
    RELEASING = "releasing"
    """The baseline is there; the Leases are given up."""
    ENDED = "ended"
    TEARDOWN_FAILED = "teardown_failed"
    """The baseline is not there: the Leases stay, and the namespace takes no other run."""


REPAIRED_AT = "repaired"
"""The entry of a run's times that says since when its changes were seen taken back by others."""
AGENT_AT = "agent"
"""The entry that says when an agent is known to have acted on it, before it was taken back."""
HEALED_AT = "healed"
"""The entry that says when, with the fault gone, the agent was done with it."""

FINAL = frozenset({Phase.ENDED, Phase.TEARDOWN_FAILED})

EFFECTIVE = "effective"
"""The entry of a run's times that says since when its fault was seen to bite."""


class Ending(StrEnum):
    """Why a run was taken back."""

    EXPIRED = "expired"
    REPAIRED = "repaired"
    """The agent was done with it before its time was over: there was nothing left to wait for."""
    ABORTED = "aborted"
    STOPPED = "stopped"
    """The kill switch was there before everything was applied."""
    CONFLICT = "conflict"
    """An object was not as it had been when the run was planned, or was refused."""
    UNANSWERED = "unanswered"
    """fault-agent did not make what was to be made on its node."""
    BUSY = "busy"
    """Another run was quicker to hold a Lease."""
    NO_EFFECT = "no_effect"
    """Nobody saw it bite in the time that it has for that: the run has failed."""
    ABANDONED = "abandoned"
    """It was written down, and nobody went on with it."""


class Undone(StrEnum):
    """What the undoing of a step found, by a three-way merge; of several, the first one counts."""

    GONE = "gone"
    """The object, or the place in it, is not there any more; so it is with a killed pod."""
    OVERRIDDEN = "overridden"
    """It was neither: somebody else had changed it to a third value, which was taken back too."""
    REVERTED = "reverted"
    """It was as the run had left it."""
    REPAIRED = "repaired"
    """It was as before the run already: somebody else, such as the agent, took it back."""
    NOTHING = "nothing"
    """The run had changed nothing there."""


class ChangeStep(_Part):
    """Change fields of one object.

    A part ``name=app`` of a path leads to the element of a list that has this name.
    """

    kind: Literal["change"] = "change"
    object: ObjectRef
    changes: tuple[FieldChange, ...]


class DeletePodStep(_Part):
    """Delete one pod, by UID; its controller replaces it."""

    kind: Literal["delete_pod"] = "delete_pod"
    object: ObjectRef


class CreateStep(_Part):
    """Create one object, which is deleted again; it has no UID yet."""

    kind: Literal["create"] = "create"
    object: ObjectRef
    spec: Mapping[str, Any]


class NodeStep(_Part):
    """Break something of one pod on its node; fault-agent there does it, and ends it by itself.

    With `Contact` nothing is broken there: fault-agent looks from that pod at what other steps do.
    """

    kind: Literal["node"] = "node"
    object: ObjectRef
    """The pod, with its UID."""
    node: str
    means: Means


class LeftOverStep(_Part):
    """Delete, once a StatefulSet's template is as before, what it was made pods of meanwhile.

    Nothing of it is done before. A StatefulSet waits for a pod that does not become ready, for ever
    if need be, also when its template would be another one by now.
    """

    kind: Literal["left_over"] = "left_over"
    object: ObjectRef
    """The StatefulSet."""
    before: str
    """The revision of which all of its pods were before the run: none of these is deleted."""


class RotateStep(_Part):
    """Give an account of a database another password, and cut the sessions that it has.

    No password is in it: the old and the new one are sealed in a Secret of the injector's own.
    """

    kind: Literal["rotate"] = "rotate"
    object: ObjectRef
    """The Secret that says the password to who uses it; it says the new one meanwhile."""
    username_key: str
    password_key: str
    address: str
    """Of the database's Service in the cluster."""
    port: int
    admin: ObjectRef
    """The Secret of an account that may set passwords."""
    admin_role: str
    admin_key: str
    knowing: tuple[str, ...]
    """UIDs of the target's pods that have read the old one."""


Step = Annotated[
    ChangeStep | DeletePodStep | CreateStep | NodeStep | LeftOverStep | RotateStep,
    Field(discriminator="kind"),
]


class StepRecord(_Part):
    """A step of the journal, with what is known to have become of it."""

    step: Step
    done: bool = False
    """Set after the API server confirmed it: one that is not set may have been applied too."""
    undone: Undone | None = None
    armed_at: Moment | None = None
    """Of a node step, which fault-agent wrote: since when the fault is in force on the node."""
    bites_at: Moment | None = None
    """Of what is looked at from within a pod's network: since when it was seen to bite there."""
    ended_at: Moment | None = None
    """Of a node step: when it was over there."""
    proof: Proof | None = None
    """Of such a step that bites or is over there: by what it is looked for."""
    well_at: Moment | None = None
    """When, after its end, what is asked from within the pod's network was answered again."""
    realised: Mapping[str, float] = {}
    """Of a node step: what was counted while it was in force, such as ``loss_percent``."""
    problem: str = ""
    """Of a node step: why it was not made, or ended too soon, in a sentence; empty: nothing."""

    @property
    def only_asks(self) -> bool:
        """Whether it changes nothing, and only looks at what the others do."""
        return isinstance(self.step, NodeStep) and isinstance(self.step.means, Contact)


class Restored(StrEnum):
    """What was found when an object was to be set back to what it had said before the run."""

    AS_BEFORE = "as_before"
    SET_BACK = "set_back"
    """Somebody else, such as the agent, had changed what the run had not: that was taken back."""
    GONE = "gone"
    """It is not there any more, or another one of the same name is."""


class Image(_Part):
    """What an object said before the run, for what others change on it meanwhile."""

    object: ObjectRef
    said: Mapping[str, Any]
    """All of it but its metadata and status."""
    found: Restored | None = None


class Spared(_Part):
    """Who should not be hit: workloads of the namespace that were healthy before."""

    workloads: tuple[str, ...]
    """As ``Deployment/web``."""
    hold_seconds: float
    """How long one has to be short of replicas without a break to count as hit."""


class GroundTruth(_Part):
    """What is wrong while the fault bites, and what is right to do about it."""

    failure_class: FailureClass
    component: Target
    accepted: tuple[ActionKind, ...]


class Abort(_Part):
    """Somebody wants a run to end now; beside the spec, so that a person may write it."""

    by: str
    at: Moment
    reason: str = ""


class Publication(_Part):
    """When an event of a run was handed to the bus, and when that confirmed it."""

    sent: Moment
    confirmed: Moment


class FaultRun(_Part):
    """The spec of the custom resource; the object's name is ``run_id``."""

    run_id: str
    request_id: str
    """Event id of the ``fault.requested``."""
    sequence: int
    """Its place in the stream: the same request in another place is a replay."""
    cluster_id: str
    namespace: str
    namespace_uid: str
    scenario: str
    target: str
    workload: ObjectRef
    parameters: Mapping[str, str] = {}
    duration_seconds: float
    recovery_seconds: float
    """How long after its undoing the baseline may take to be back."""
    truth: GroundTruth
    steps: tuple[StepRecord, ...]
    leases: tuple[str, ...]
    baseline: Mapping[str, str]
    """Fingerprint by object, as ``Deployment/cart``; of one that is not there, empty."""
    images: tuple[Image, ...] = ()
    """The target and every object that the run changes, as they were; no Secret is among them."""
    effect: Effect | None = None
    """How it is seen to bite; None of a run that was written down before that was asked."""
    phase: Phase = Phase.ADMITTED
    ending: Ending | None = None
    problem: str = ""
    """What went wrong, in a sentence; empty: nothing."""
    expires_at: Moment | None = None
    times: Mapping[str, Moment] = {}
    """When it came into each phase; ``requested``, ``mutated``, ``effective``; and ``repaired``,
    ``agent``, ``healed``."""
    held_until: Moment | None = None
    """Until when the run waits for the agent, unless that is said to be done, or still at it."""
    spared: Spared | None = None
    """None of a run that was written down before that was asked."""
    bystanders: Mapping[str, Moment] = {}
    """Which of the spared were hit while it lasted, and since when."""
    probe_period_ms: int = 0
    """How often it was looked for the effect; 0: that was told as it happened."""
    told: tuple[str, ...] = ()
    """Subjects of the events of this run that were published."""
    published: Mapping[str, Publication] = {}
    """When each of these was, by the injector's clock: what its offset to the bus is read from."""

    @property
    def in_force_on_nodes_since(self) -> dt.datetime | None:
        """When the first fault on a node came into force; None if there is none."""
        made = [each.armed_at for each in self.steps if not each.only_asks]
        return min((each for each in made if each), default=None)

    @property
    def changed_since(self) -> dt.datetime | None:
        """When the first change was made, by the driver or on a node; None if there is none."""
        known = (self.in_force_on_nodes_since, self.times.get("mutated"))
        return min((each for each in known if each is not None), default=None)

    def enter(self, phase: Phase, now: dt.datetime, **more: Any) -> "FaultRun":
        """Return the run in a phase from now on, with other fields set."""
        return self.model_copy(
            update={"phase": phase, "times": {**self.times, str(phase): now}, **more}
        )

    def with_step(self, index: int, **more: Any) -> "FaultRun":
        """Return the run with what became of one step."""
        steps = list(self.steps)
        steps[index] = steps[index].model_copy(update=more)
        return self.model_copy(update={"steps": tuple(steps)})

    def with_image(self, index: int, found: Restored) -> "FaultRun":
        """Return the run with what was found of an object that was to be set back."""
        images = list(self.images)
        images[index] = images[index].model_copy(update={"found": found})
        return self.model_copy(update={"images": tuple(images)})

    @property
    def repaired(self) -> bool:
        """Whether somebody else had repaired it when the run came to take it back.

        Either an agent said so, and the run ended by that, or every change was taken back already.
        Pods that were deleted are replaced by their controller, whatever anybody does.
        """
        if all(isinstance(each.step, DeletePodStep) for each in self.steps):
            return False
        if self.ending is Ending.REPAIRED:
            return True
        found = {each.undone for each in self.steps} - {Undone.NOTHING, Undone.GONE, None}
        return found == {Undone.REPAIRED}

    @property
    def repaired_by_agent(self) -> bool:
        """Whether that was the agent: it is known to have acted."""
        return self.repaired and AGENT_AT in self.times

    @property
    def effective_since(self) -> dt.datetime | None:
        """When it began to bite; None if that was not seen.

        Of several pods the one in which it was seen first is not always the one that it hit first.
        What was asked just before the change and met it is counted from the change.
        """
        seen, changed = self.times.get(EFFECTIVE), self.changed_since
        bites = [each.bites_at for each in self.steps if each.bites_at is not None]
        if seen is None:
            return None
        return min([seen, *(max(each, changed or each) for each in bites)])

    @property
    def asked_every(self) -> float:
        """How often it was asked, in seconds, where a question was not answered; 0: none was."""
        asked = any(each.bites_at and each.proof and each.proof.asks for each in self.steps)
        return ASKED_EVERY_SECONDS if asked else 0.0

    @property
    def unproven(self) -> bool:
        """Whether its effect is looked for, and was not seen."""
        return self.effect is not None and EFFECTIVE not in self.times

    @property
    def touched(self) -> bool:
        """Whether anything was changed, or may have been."""
        changes = [each for each in self.steps if not each.only_asks]
        return any(each.done or each.undone is not Undone.NOTHING for each in changes)
