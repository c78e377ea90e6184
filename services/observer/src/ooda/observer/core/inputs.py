"""What the fold is given, and what it says."""

from dataclasses import dataclass

from ooda.common.cluster.interface import Alive, Delta, Synced
from ooda.common.cluster.kinds import Kind
from ooda.common.events import AnomalyCleared, AnomalyFlagged, TelemetrySnapshot
from ooda.common.known_good import KnownGoodSpec
from ooda.common.targets import Target


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by: what waits for a moment is looked at."""


@dataclass(frozen=True, slots=True)
class ActionNotice:
    """The agent itself is about to change a target, or has finished."""

    action_id: str
    target: Target | None
    """None at the end: ``action.executed`` names the action only."""
    over: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What the logs of pods say that run as one service account."""

    namespace: str
    account: str
    logs: tuple[tuple[str, str], ...]
    """Name of the pod, and the end of one log, with its time before each line."""


Input = Delta | Synced | Alive | Tick | ActionNotice | Heard


@dataclass(frozen=True, slots=True)
class Flag:
    """An anomaly began."""

    event: AnomalyFlagged


@dataclass(frozen=True, slots=True)
class Clear:
    """An anomaly ended."""

    event: AnomalyCleared


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one namespace looks like now."""

    event: TelemetrySnapshot


@dataclass(frozen=True, slots=True)
class Remember:
    """The known good of a namespace changed."""

    namespace: str
    spec: KnownGoodSpec


@dataclass(frozen=True, slots=True)
class Listen:
    """The logs of these containers are to be read: the rights of their account were reduced."""

    namespace: str
    account: str
    containers: tuple[tuple[str, str, bool], ...]
    """Pod, container, and whether it is the log of the run before this one."""


@dataclass(frozen=True, slots=True)
class Blind:
    """Which kinds are not to be trusted any more; empty: the observer sees again."""

    kinds: frozenset[Kind]


Output = Flag | Clear | Snapshot | Remember | Blind | Listen

__all__ = [
    "ActionNotice",
    "Alive",
    "Blind",
    "Clear",
    "Delta",
    "Flag",
    "Heard",
    "Input",
    "Listen",
    "Output",
    "Remember",
    "Snapshot",
    "Synced",
    "Tick",
]
