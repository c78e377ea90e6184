"""The numbers that bound what the agent does alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ooda.common.modes import SYSTEM_NAMESPACES
from ooda.common.taxonomy import Risk


def _thresholds() -> Mapping[Risk, float]:
    return {Risk.REVERSIBLE: 0.90, Risk.WIDE: 0.95, Risk.IRREVERSIBLE: 0.97}


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds, budgets and times; seconds throughout.

    A threshold is how often an action has to be right: of ten that can be taken back, or that a
    controller makes good by itself (it replaces a pod that is deleted), one may be wrong (0.90);
    of those that touch many, one in twenty (0.95); of those after which nothing comes back by
    itself, three in a hundred (0.97). The margin keeps noise from deciding a near tie, and two
    families keep one source that is wrong from being enough. All of them, and the budgets, which
    a person would grant a new colleague, are choices: no source gives better numbers.
    """

    thresholds: Mapping[Risk, float] = field(default_factory=_thresholds)
    margin: float = 0.2
    families: int = 2
    window: float = 3600.0
    per_workload: int = 3
    per_namespace: int = 6
    in_total: int = 12
    """Actions within the window, over all namespaces."""
    cool_down: float = 60.0
    """After an action on a workload, until the next one on it."""
    storm_incidents: int = 6
    storm_window: float = 300.0
    unhelpful: int = 2
    """Attempts that did not help, until a person is asked."""
    valid_for: float = 30.0
    aftermath: float = 20.0
    """What joined an incident while its action was under way has so long to clear with the rest:
    a kubelet tries a container again that it could not create within ten seconds or so."""
    overdue_after: float = 60.0
    """Beyond all that an action may take from its decision on, until its end is missed."""
    away_for: float = 300.0
    """How long a diagnosis waits for the API server, until a person is asked."""
    review_for: float = 1800.0
    retry: float = 2.0
    """Until the cluster is asked again that did not answer, or a workload that is busy."""
    retention: float = 3600.0
    """How long the record of a closed incident is kept."""
    closed_to_us: frozenset[str] = SYSTEM_NAMESPACES
