"""What diagnosis is made of: findings, recent changes, hypotheses. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass

Strength = Annotated[float, Field(ge=-6, le=6)]
"""A log-likelihood ratio against "unknown": +3 near proof, +1.5 strong, +0.7 weak, negative
contradicts (the scale of Kass and Raftery, in natural logarithms)."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Change(_Part):
    """An object that changed, as far as it can be known now."""

    target: Target
    """What changed."""
    fields: tuple[str, ...] = ()
    """Paths of what differs from the last known good state, such as
    ``spec.template.spec.containers[app].image``; empty if that is not known."""
    changed_at: dt.datetime
    known_good: bool
    """Whether a known good state to go back to is recorded."""


class Finding(_Part):
    """What one diagnostic tool says about one target."""

    tool: str
    family: EvidenceFamily
    target: Target
    observed_at: dt.datetime
    outcome: Literal["evidence", "nothing", "unavailable"] = "evidence"
    """``nothing``: it looked and has no opinion. ``unavailable``: it could not look. Neither is
    healthy."""
    implies: Mapping[FailureClass, Strength] = {}
    healthy: Strength = 0.0
    change: Change | None = None
    points_at: tuple[Target, ...] = ()
    """What the target says that it could not reach. Never enough to blame it alone."""
    excerpt: str = Field(default="", max_length=2000)
    """What was seen, for a person: data from the cluster, with credentials masked."""


class Hypothesis(_Part):
    """One explanation and how likely it is among all that were considered."""

    failure_class: FailureClass
    component: Target | None
    score: float
    probability: Annotated[float, Field(ge=0, le=1)]
    agreeing: tuple[EvidenceFamily, ...] = ()
    contradicting: tuple[EvidenceFamily, ...] = ()
    silent: tuple[EvidenceFamily, ...] = ()
    unexplained: tuple[str, ...] = ()
    """Ids of open anomalies that it does not explain."""
