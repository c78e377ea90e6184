"""What diagnosis is made of: findings, recent changes, hypotheses, a model's advice. Pure."""

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


TURN_LIMIT = 1000
"""Characters of one turn of a consultation; what is longer is cut."""

TURNS_LIMIT = 24
"""Turns that are kept of a consultation, the first ones."""

Ending = Literal["voted", "abstained", "no_verdict", "over_limit", "late", "failed"]
"""How a consultation ended. Only ``voted`` moves a diagnosis; ``abstained`` is a verdict that
blames nothing, the others are none."""


class Turn(_Part):
    """One thing that was said between the agent and a model."""

    speaker: Literal["agent", "model", "tool"]
    text: str = Field(max_length=TURN_LIMIT)


class Consultation(_Part):
    """How a language model was asked about one diagnosis, with what was said, masked.

    For a person: nothing is decided from it. The model's vote is a finding like any other.
    """

    model: str
    ending: Ending
    reason: str = Field(max_length=400)
    seconds: Annotated[float, Field(ge=0)]
    calls: int
    """Requests to the model."""
    input_tokens: int
    output_tokens: int
    """As the endpoint counts them; a quarter of the characters where it does not."""
    turns: tuple[Turn, ...] = Field(max_length=TURNS_LIMIT)
