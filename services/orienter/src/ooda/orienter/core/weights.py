"""The model of ``weights.yaml``: every number that a diagnosis depends on, checked at start."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ooda.common.findings import Strength
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Signal
from ooda.orienter.core.signs import Sign

NOT_BLAMED = frozenset({FailureClass.HEALTHY, FailureClass.UNKNOWN})
"""Classes that no component is blamed for."""

Positive = Annotated[float, Field(gt=0)]
Penalty = Annotated[float, Field(le=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChangeWeights(_Part):
    """What a change of the blamed object is worth; it decays linearly over the window."""

    recent: Positive
    field: Positive
    """On top, if the change touched a field that causes the class."""
    none: Penalty
    """If nothing changed and the class usually begins with a change."""
    window_seconds: Positive
    slack_seconds: Positive
    """How much later than the onset a change may seem to be: the API server counts in seconds."""


class Explains(_Part):
    """The signals that a class explains, by where they are relative to its component."""

    here: frozenset[Signal]
    callers: frozenset[Signal] = frozenset()
    placed: frozenset[Signal] = frozenset()


class ActionFamilies(_Part):
    """What the playbook does first. Only whether two are the same matters here."""

    changed: str
    unchanged: str


class ClassWeights(_Part):
    """One failure class."""

    prior: float = 0.0
    begins_with_change: bool = False
    fields: tuple[str, ...] = ()
    """Regular expressions of field paths whose change can cause it."""
    explains: Explains
    actions: ActionFamilies

    def causes(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the fields whose change can cause the class."""
        return tuple(
            path for path in fields if any(re.search(pattern, path) for pattern in self.fields)
        )


class JoinWeights(_Part):
    """Which anomalies belong to one incident."""

    onset_seconds: Positive
    call_seconds: Positive
    """How much later than its caller a callee may have been flagged."""
    call_signals: frozenset[Signal]
    """Signals that a caller may show because of its callee; others have causes of their own."""
    node_signals: frozenset[Signal]
    """Signals that a node gives to everything on it; others share a node by chance."""
    lost_node_signals: frozenset[Signal]
    """Signals on a node that is itself flagged: all of them are its doing."""
    lost_node_seconds: Positive
    """How long after a node was last heard they may begin: the node controller waits 50 s until it
    takes readiness away, and 300 s more until it evicts."""


class SignWeight(_Part):
    """What one sign says; against ``unknown``."""

    implies: Mapping[FailureClass, Strength] = {}
    healthy: Strength = 0.0


class Weights(_Part):
    """All of it."""

    reject: float
    """The constant score of ``unknown``."""
    clip: Positive
    family_clip: Mapping[EvidenceFamily, Positive] = {}
    agree: Positive
    """Net of a family from which it counts as agreeing; contradicting from its negative."""
    unexplained: Penalty
    points_elsewhere: Penalty
    """If it names a server that it cannot reach, and that server is itself in trouble."""
    bare: Penalty
    """If only an anomaly suggests it and no finding speaks for it."""
    tried: Penalty
    healthy_while_open: Penalty
    change: ChangeWeights
    join: JoinWeights
    error_ratio_high: Annotated[float, Field(gt=0, lt=1)]
    error_ratio_low: Annotated[float, Field(gt=0, lt=1)]
    memory_high: Annotated[float, Field(gt=0, le=1)]
    """Share of its limit that a container was seen at, from which it was at the limit."""
    memory_low: Annotated[float, Field(gt=0, lt=1)]
    calibration: tuple[tuple[float, float], ...]
    """Points (probability, confidence), rising, joined by straight lines."""
    not_blamed_actions: Mapping[FailureClass, str]
    suggests: Mapping[Signal, tuple[FailureClass, ...]]
    signs: Mapping[Sign, SignWeight]
    classes: Mapping[FailureClass, ClassWeights]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _all_there("classes", set(FailureClass) - NOT_BLAMED, self.classes)
        _all_there("not_blamed_actions", NOT_BLAMED, self.not_blamed_actions)
        _all_there("suggests", set(Signal), self.suggests)
        _all_there("signs", set(Sign), self.signs)
        xs_rise = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(self.calibration))
        ends = [point[0] for point in self.calibration[:1] + self.calibration[-1:]]
        if not xs_rise or ends != [0.0, 1.0]:
            raise ValueError("calibration must rise from 0 to 1")
        if self.clip_of(EvidenceFamily.MODEL) >= self.agree:
            raise ValueError("family_clip: model must stay below agree: it is no family of its own")
        return self

    def calibrate(self, probability: float) -> float:
        """Turn a probability of the model into a confidence."""
        for (x0, y0), (x1, y1) in pairwise(self.calibration):
            if probability <= x1:
                share = (probability - x0) / (x1 - x0)
                return min(1.0, max(0.0, y0 + share * (y1 - y0)))
        return min(1.0, max(0.0, self.calibration[-1][1]))

    def clip_of(self, family: EvidenceFamily) -> float:
        """Return how far one family can move a hypothesis."""
        return self.family_clip.get(family, self.clip)


def _all_there(what: str, wanted: Any, given: Mapping[Any, Any]) -> None:
    if missing := set(wanted) ^ set(given):
        raise ValueError(f"{what}: missing or not known: {sorted(map(str, missing))}")
