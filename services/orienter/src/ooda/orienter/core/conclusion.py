"""What is published of an incident when its tools have answered. Pure."""

from collections.abc import Sequence

from ooda.common.findings import Finding
from ooda.common.taxonomy import FailureClass, Signal
from ooda.orienter.core.fusion import Case, Diagnosis, fuse
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Incident
from ooda.orienter.core.weights import Weights

LASTING = frozenset({Signal.POD_LOST})
"""Signals that stay true after they cleared: a pod that was replaced was lost all the same."""

_WITHOUT_ANOMALY = frozenset({FailureClass.HEALTHY, FailureClass.POD_KILLED})


def conclude(
    incident: Incident, findings: Sequence[Finding], graph: Graph, weights: Weights
) -> Diagnosis | None:
    """Fuse what was found with what is still open.

    Anomalies that cleared in the meantime count no longer. If none is left there is nothing to
    tell, but that the tools find everything healthy, or that a pod was lost and replaced.
    """
    still_open = incident.still_open
    told = fuse(
        Case(
            still_open,
            tuple(findings),
            graph,
            incident.onset,
            incident.tried,
            tuple(each for each in incident.members if each.signal in LASTING),
        ),
        weights,
    )
    if not still_open and told.failure_class not in _WITHOUT_ANOMALY:
        return None
    return told
