"""What a recent change says of a hypothesis. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.findings import Change, Finding
from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.weights import Weights


@dataclass(frozen=True, slots=True)
class ChangeSays:
    """The term of the score, and the change if it began with one."""

    score: float
    blamed: Change | None = None


def change_says(
    failure_class: FailureClass,
    component: Target,
    onset: dt.datetime,
    findings: Sequence[Finding],
    graph: Graph,
    weights: Weights,
) -> ChangeSays:
    """Weigh the changes of a component that are close enough before the onset.

    A change whose fields are known and cannot cause the class says nothing for it: without this, a
    new label would vouch for a failed image pull. A change is blamed only if a field that is known
    to differ can cause the class.
    """
    looked = [
        finding
        for finding in findings
        if finding.family is EvidenceFamily.RECENT_CHANGE
        and finding.outcome != "unavailable"
        and graph.component(finding.target) == component
    ]
    if not looked:
        return ChangeSays(0.0)
    kind, change_weights = weights.classes[failure_class], weights.change
    said = [
        _one(finding.change, onset, weights, kind.causes(finding.change.fields))
        for finding in looked
        if finding.change is not None and graph.component(finding.change.target) == component
    ]
    best = max(said, key=lambda each: each.score, default=ChangeSays(0.0))
    if best.score > 0:
        return best
    return ChangeSays(change_weights.none if kind.begins_with_change else 0.0)


def _one(
    change: Change, onset: dt.datetime, weights: Weights, causes: tuple[str, ...]
) -> ChangeSays:
    before = (onset - change.changed_at).total_seconds()
    window = weights.change.window_seconds
    if not -weights.change.slack_seconds <= before < window:
        return ChangeSays(0.0)
    fresh = 1 - max(before, 0.0) / window
    if causes:
        # Of what changed only this is blamed, and is what going back has to take back.
        blamed = change.model_copy(update={"fields": causes})
        return ChangeSays((weights.change.recent + weights.change.field) * fresh, blamed)
    return ChangeSays(0.0 if change.fields else weights.change.recent * fresh)
