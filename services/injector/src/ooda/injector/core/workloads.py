"""The kinds of workload that may be a target, and what their status says of their pods. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ooda.common.cluster.kinds import Kind

TARGETS: Final = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)
KINDS_SAID: Final = "Deployment, StatefulSet or DaemonSet"
"""The same, for sentences."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of pods of a workload."""

    wanted: int
    there: int
    ready: int
    updated: int
    """Of its present template."""


def counts_of(live: Object) -> Counts:
    """Return what the status of a workload says."""
    status = live.get("status") or {}
    if kind_of(live) is Kind.DAEMON_SET:
        return Counts(
            wanted=status.get("desiredNumberScheduled", 0),
            there=status.get("currentNumberScheduled", 0),
            ready=status.get("numberReady", 0),
            updated=status.get("updatedNumberScheduled", 0),
        )
    return Counts(
        wanted=live["spec"].get("replicas", 1),
        there=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
    )


def kind_of(live: Object) -> Kind:
    """Return the kind of a workload, which has to be said of one that was listed."""
    return Kind(live["kind"])


def with_kind(kind: Kind, listed: Object) -> Object:
    """Return an object with its kind, which the API server leaves out of what it lists."""
    return {**listed, "kind": kind.value}


def name_of(live: Object) -> str:
    """Return how a workload is called in the journal and in sentences, as ``Deployment/web``."""
    return f"{kind_of(live)}/{live['metadata']['name']}"


def is_observed(live: Object) -> bool:
    """Say whether the status is of a controller that has seen the object as it is."""
    observed = int((live.get("status") or {}).get("observedGeneration", 0))
    return observed >= int(live["metadata"].get("generation", 0))


def settled(live: Object) -> bool:
    """Say whether a workload has all pods that it asks for, ready and of its template."""
    counts = counts_of(live)
    return is_observed(live) and counts.wanted == counts.there == counts.ready == counts.updated


def is_refused(live: Object) -> bool:
    """Say whether the API server refuses a workload a pod that it wants to make.

    Only a Deployment says so itself. Of the others one is missing then: their controllers make a
    pod as soon as the one before it is gone.
    """
    if kind_of(live) is Kind.DEPLOYMENT:
        return any(
            (each["type"], each["status"]) == ("ReplicaFailure", "True")
            for each in (live.get("status") or {}).get("conditions") or ()
        )
    counts = counts_of(live)
    return counts.there < counts.wanted


def leaves_first_seconds(live: Object) -> float:
    """Return how long a pod may take to leave before another takes its place, in seconds.

    A Deployment does not wait for that.
    """
    if kind_of(live) is Kind.DEPLOYMENT:
        return 0.0
    return float(live["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30))
