"""What is published of an incident when its tools have answered. Pure."""

from collections.abc import Sequence

from ooda.common.findings import Finding
from ooda.common.taxonomy import Signal
from ooda.orienter.core.fusion import Case, Diagnosis, fuse
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Incident
from ooda.orienter.core.weights import Weights

LASTING = frozenset({Signal.POD_LOST})
"""Signals that stay true after they cleared: a pod that was replaced was lost all the same."""

FIRM = 0.9
"""A diagnosis below it is looked at again before it is told: nobody would act on it alone."""


def is_firm(told: Diagnosis, weights: Weights) -> bool:
    """Return whether it need not be looked at again: it is sure, or nothing is done about it."""
    if told.failure_class in weights.not_blamed_actions:
        actions = {weights.not_blamed_actions[told.failure_class]}
    else:
        families = weights.classes[told.failure_class].actions
        actions = {families.changed, families.unchanged}
    return told.confidence >= FIRM or actions == {"stand_down"}


def conclude(
    incident: Incident, findings: Sequence[Finding], graph: Graph, weights: Weights
) -> Diagnosis:
    """Fuse what was found with what is still open: what cleared in the meantime counts no more."""
    return fuse(
        Case(
            incident.still_open,
            tuple(findings),
            graph,
            incident.onset,
            incident.tried,
            tuple(each for each in incident.members if each.signal in LASTING),
        ),
        weights,
    )
