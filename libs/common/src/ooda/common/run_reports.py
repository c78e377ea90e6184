"""The evaluation of one fault run: what was broken, what the agent said and did, and how fast.

Pure. One JSON document for a run; its schema is published (``docs/reports``). What an agent
has to say is empty where there was none. Values are added, never renamed; a reader ignores what it
does not know.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ooda.common.events import Moment
from ooda.common.fault_runs import Ending, GroundTruth, Phase
from ooda.common.targets import Target
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Outcome


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Stage(StrEnum):
    """The stages of a run, in the order in which they are usually reached."""

    REQUESTED = "requested"
    """The request was stored by the bus."""
    ADMITTED = "admitted"
    """The fence let it through; it is written down."""
    ARMED = "armed"
    """The end is set."""
    MUTATED = "mutated"
    """The first change was accepted: the injection."""
    EFFECTIVE = "effective"
    """The effect probe saw it bite."""
    FLAGGED = "flagged"
    """The agent flagged the first anomaly that belongs to the run."""
    DIAGNOSIS_STARTED = "diagnosis_started"
    """The agent's first diagnostic action: this is the detection."""
    DIAGNOSED = "diagnosed"
    """Its first diagnosis."""
    DECIDED = "decided"
    """Its first decision that is more than to wait."""
    APPLIED = "applied"
    """Its first write was accepted by the API server."""
    RECOVERED = "recovered"
    """What was broken works again, whoever brought that about."""
    TEARDOWN_STARTED = "teardown_started"
    REVERTED = "reverted"
    """The run has taken all of its changes back."""
    BASELINE_RESTORED = "baseline_restored"
    """All is verified to be as before."""


class StageTime(_Part):
    """When a stage was reached, by the clock of the bus."""

    at: Moment
    ms: int
    """Since the request, in milliseconds; the first stage that is known, if there was none."""
    source: Literal["bus", "injector"]
    """Whether the bus stored an event then, or the injector stamped it (its offset added)."""


class ClockOffset(_Part):
    """How much the clock of the bus was ahead of the injector's."""

    ms: float
    uncertainty_ms: float
    """Half of the time that the exchange took by which it was measured."""


class Detection(_Part):
    """How long until the first diagnostic action, in milliseconds; None: it was not detected."""

    from_injection_ms: int | None = None
    from_effect_ms: int | None = None


class Diagnosed(_Part):
    """A diagnosis of an incident of the run, against the truth."""

    at: Moment
    incident_id: str
    failure_class: FailureClass
    component: Target | None
    confidence: float
    class_right: bool
    component_right: bool


class Chosen(_Part):
    """A remediation that the agent chose, carried out or proposed to a person."""

    at: Moment
    incident_id: str
    action: ActionKind
    target: Target
    proposed: bool
    """Whether a person was asked instead."""
    applied_at: Moment | None = None
    outcome: Outcome | None = None
    accepted: bool
    """Whether the truth accepts this action."""


class Incident(_Part):
    """An incident of the agent that belongs to the run."""

    incident_id: str
    opened_at: Moment
    closed_at: Moment | None = None
    closure: Closure | None = None


class RecoveredBy(StrEnum):
    """Who brought it about that what was broken works again."""

    AGENT = "agent"
    OTHERS = "others"
    """It recovered before the end with no action of the agent: a controller, or a person."""
    EXPIRY = "expiry"
    """The run took it back."""
    NONE = "none"
    """It has not recovered, or not yet."""


class RunReport(_Part):
    """The evaluation of one run."""

    version: int = 1
    run_id: str
    scenario: str
    cluster_id: str
    namespace: str
    target: str
    parameters: Mapping[str, str]
    duration_seconds: float
    phase: Phase
    ending: Ending | None
    problem: str
    truth: GroundTruth
    stages: Mapping[Stage, StageTime | None]
    """Every stage; None: it was not reached, or nobody said so."""
    probe_period_ms: int = 0
    """How often it was looked for the effect: by so much ``effective`` may be late. 0: a watch."""
    realised: tuple[Mapping[str, float], ...] = ()
    """Of each fault on a node, what was counted while it was in force, as ``loss_percent``."""
    bystanders: Mapping[str, Moment] = {}
    """Who beside the target was hit, though nothing of it was meant for them, and since when."""
    clock_offset: ClockOffset | None
    """None: it could not be measured, and the injector's times are as it stamped them."""
    agent_seen: bool
    """Whether any agent said anything about the run's namespace while the run was open."""
    detection: Detection
    incidents: tuple[Incident, ...]
    unrelated_incidents: tuple[str, ...]
    """Ids of incidents that were opened in the namespace meanwhile and are not about the run."""
    diagnoses: tuple[Diagnosed, ...]
    class_right: bool | None
    """Of the diagnosis by which the agent chose; None: there was none."""
    component_right: bool | None
    remediations: tuple[Chosen, ...]
    remediation_right: bool | None
    """Whether all that was chosen is accepted; where nothing is accepted, whether nothing was
    carried out. None: there was no diagnosis."""
    recovered_by: RecoveredBy
    recovery_ms: int | None
    """From the effect, or the injection if that is not known, until it had recovered."""
    repaired_by_agent: bool
    """Whether the run ended because its change was repaired, or found all of it repaired."""
