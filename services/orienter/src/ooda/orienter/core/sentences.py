"""What is said to a person, in one sentence. Pure."""

import datetime as dt

from ooda.common.events import SUMMARY_LIMIT
from ooda.common.phrases import shortened
from ooda.common.targets import PodTarget, ServiceTarget, Target, WorkloadTarget
from ooda.common.taxonomy import FailureClass
from ooda.orienter.core.fusion import Diagnosis
from ooda.orienter.core.records import Incident

_HAPPENS = {
    FailureClass.POD_KILLED: "lost a pod that its controller replaces",
    FailureClass.CRASH_LOOP: "crashes again and again",
    FailureClass.OOM_KILLED: "is killed because it needs more memory than its limit",
    FailureClass.IMAGE_PULL_FAILURE: "cannot pull its image",
    FailureClass.CONFIG_ERROR: "cannot start because of its configuration",
    FailureClass.UNSCHEDULABLE: "has pods that fit on no node",
    FailureClass.PROBE_FAILURE: "fails its health probes",
    FailureClass.REPLICA_SHORTFALL: "is asked for fewer replicas than it needs",
    FailureClass.NODE_NOT_READY: "no longer renews its Lease",
    FailureClass.QUOTA_EXCEEDED: "cannot make pods because a quota is used up",
    FailureClass.BAD_RELEASE: "fails its requests, or crashes, with its newest release only",
    FailureClass.SERVICE_MISROUTED: "does not lead to its ready pods",
    FailureClass.PERMISSION_REVOKED: "is denied what it was allowed before",
}


def started_summary(incident: Incident) -> str:
    """Say which incident is looked into, and why now."""
    first = min(incident.members, key=lambda each: each.since)
    count = len(incident.still_open)
    anomalies = "1 open anomaly" if count == 1 else f"{count} open anomalies"
    why = {
        "opened": "a new incident",
        "extended": "an incident that grew",
        "not_helped": "an action that did not help",
        "expired": "an action that came too late",
        "sighted": "the cluster can be seen again",
    }[incident.reason]
    return _cut(f"Looking into {first.signal} of {first.target}: {why}, {anomalies}")


def ready_summary(diagnosis: Diagnosis, incident: Incident) -> str:
    """Say what failed, since when, and how sure that is."""
    sure = f"({diagnosis.confidence:.2f})"
    component = diagnosis.component
    if diagnosis.failure_class is FailureClass.HEALTHY:
        return _cut(f"Nothing is wrong with {_places(incident)}: healthy {sure}")
    if diagnosis.failure_class is FailureClass.UNKNOWN or component is None:
        return _cut(f"What is wrong with {_places(incident)} is not known: unknown {sure}")
    happens = _HAPPENS.get(diagnosis.failure_class, f"shows {diagnosis.failure_class}")
    since = _since(diagnosis, incident)
    return _cut(
        f"{_short(component)} {happens} {since}: {diagnosis.failure_class} of {component} {sure}"
    )


def _since(diagnosis: Diagnosis, incident: Incident) -> str:
    if diagnosis.change is None:
        return f"since {_clock(incident.onset)}"
    what = "scaling" if diagnosis.change.fields == ("spec.replicas",) else "rollout"
    if isinstance(diagnosis.component, ServiceTarget):
        what = "change"
    if any(path.startswith("configmap/") for path in diagnosis.change.fields):
        what = "change of configuration"
    return f"since the {what} of {_clock(diagnosis.change.changed_at)}"


def _clock(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%H:%M:%S}"


def _places(incident: Incident) -> str:
    return ", ".join(sorted(str(each) for each in incident.components))


def _short(target: Target) -> str:
    return (
        target.name
        if isinstance(target, WorkloadTarget | PodTarget | ServiceTarget)
        else str(target)
    )


def _cut(text: str) -> str:
    return shortened(text, SUMMARY_LIMIT)
