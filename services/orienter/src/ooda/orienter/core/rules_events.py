"""What Events of the API server say. Pure.

An Event's reason is compared with the words that kubelet, scheduler and controllers use; its note
only tells apart what the reason leaves open.
"""

import datetime as dt
import re
from collections.abc import Sequence

from ooda.common.masking import mask
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import EventNote
from ooda.orienter.core.refusals import over_quota, refused
from ooda.orienter.core.signs import Sign

RECENT = dt.timedelta(minutes=10)
AGAIN = 3
"""So many starts of one container tell of a loop; a single restart is none."""
LINE = 300
LINES = 12

_NOT_FOUND = re.compile(
    r"not found|manifest unknown|does not exist|invalid reference", re.IGNORECASE
)
_REGISTRY = re.compile(
    r"i/o timeout|no such host|connection refused|context deadline|x509|TLS handshake"
    r"|toomanyrequests|503 |unauthorized|authentication required",
    re.IGNORECASE,
)
_CONFIG = re.compile(
    r'(configmap|secret) "[^"]*" not found|couldn\'t find key'
    r"|references non-existent (config|secret) key|runAsNonRoot",
    re.IGNORECASE,
)
_SCALED = re.compile(r"Scaled (?:up|down) replica set (\S+) .*\bto (\d+)")
_MADE = re.compile(r"(create|delete) Pod (\S+) in StatefulSet")
_PROBE_KILL = re.compile(r"failed (liveness|startup) probe")

_BY_REASON = {
    "BackOff": Sign.EVENT_BACK_OFF,
    "FailedScheduling": Sign.EVENT_FAILED_SCHEDULING,
    "TriggeredScaleUp": Sign.EVENT_NODE_COMING,  # Cluster Autoscaler
    "Nominated": Sign.EVENT_NODE_COMING,  # Karpenter
    "Evicted": Sign.EVENT_EVICTED,
    "Preempted": Sign.EVENT_EVICTED,
    "BackoffLimitExceeded": Sign.EVENT_JOB_FAILED,
}
_LOOPS = frozenset({Sign.EVENT_BACK_OFF, Sign.EVENT_STARTED_AGAIN})
_OF_SETS = frozenset({"SuccessfulCreate", "SuccessfulDelete"})
_HARMLESS = frozenset(
    {"Scheduled", "Pulled", "Pulling", "Created", "Started", "SuccessfulCreate", "Killing"}
)


def read_events(events: Sequence[EventNote], now: dt.datetime) -> Seen:
    """Return the signs of the events of one pod and its owners within the last ten minutes."""
    recent = [each for each in events if each.last_at is None or now - each.last_at <= RECENT]
    # The probes of a pod that was told to stop say nothing of how it was.
    stopped = {each.regarding for each in recent if _stopping(each)}
    telling = [e for e in recent if e.reason != "Unhealthy" or e.regarding not in stopped]
    signs = {sign for event in telling if (sign := _sign(event)) is not None}
    if _scaled_to_nothing(recent):
        signs.add(Sign.EVENT_SCALED_DOWN)
    if signs & _LOOPS and Sign.EVENT_LIVENESS_KILL not in signs:
        signs.add(Sign.EVENT_NO_PROBE_KILL)
    if Sign.EVENT_BACK_OFF in signs:
        signs.discard(Sign.EVENT_STARTED_AGAIN)
        # A process that has ended answers no probe: that says nothing of the probe.
        signs.discard(Sign.EVENT_READINESS_FAILED)
    if stopped and not signs:
        signs.add(Sign.EVENT_POD_KILLED)
    if not signs and all(event.reason in _HARMLESS for event in recent):
        signs.add(Sign.EVENTS_QUIET)
    shown = sorted(recent, key=_when, reverse=True)[:LINES]
    lines = [mask(f"{each.reason} {each.regarding}: {each.note}")[:LINE] for each in shown]
    return Seen(frozenset(signs), "\n".join(lines))


def _when(event: EventNote) -> dt.datetime:
    return event.last_at or dt.datetime.min.replace(tzinfo=dt.UTC)


def _stopping(event: EventNote) -> bool:
    pod = event.reason == "Killing" and event.regarding.startswith("Pod/")
    return pod and event.note.startswith("Stopping container")


def _scaled_to_nothing(events: Sequence[EventNote]) -> bool:
    """Say whether every ReplicaSet, or pod of a StatefulSet, is gone by the last said of it.

    A rollout takes old ones down, too, and leaves another one up.
    """
    there: dict[str, bool] = {}
    for each in sorted(events, key=_when):
        # What was said too often is "(combined from similar events)".
        if each.reason == "ScalingReplicaSet" and (found := _SCALED.search(each.note)):
            there[found[1]] = found[2] != "0"
        elif each.reason in _OF_SETS and (found := _MADE.search(each.note)):
            there[found[2]] = found[1] == "create"
    return bool(there) and not any(there.values())


def _sign(event: EventNote) -> Sign | None:
    match event.reason:
        case "Failed":
            sign = _failed(event.note)
        case "Started" if event.count >= AGAIN:
            sign = Sign.EVENT_STARTED_AGAIN
        case "FailedMount" if _CONFIG.search(event.note):
            sign = Sign.EVENT_CONFIG_MISSING
        case "BackOff" if "pulling image" in event.note:
            sign = Sign.EVENT_PULL_FAILED
        case "Killing" if _PROBE_KILL.search(event.note):
            sign = Sign.EVENT_LIVENESS_KILL
        # A start-up probe fails until the start is over; if it never is, the kubelet kills.
        case "Unhealthy" if event.note.startswith("Readiness probe"):
            sign = Sign.EVENT_READINESS_FAILED
        case "FailedCreate" if over_quota(event.note):
            sign = Sign.EVENT_QUOTA
        case "FailedCreate" if refused(event.note):
            sign = Sign.EVENT_POD_REFUSED
        case reason:
            sign = _BY_REASON.get(reason)
    return sign


def _failed(note: str) -> Sign | None:
    if "ailed to pull image" in note:
        if _REGISTRY.search(note):
            return Sign.EVENT_REGISTRY_UNREACHABLE
        return Sign.EVENT_IMAGE_NOT_FOUND if _NOT_FOUND.search(note) else Sign.EVENT_PULL_FAILED
    return Sign.EVENT_CONFIG_MISSING if _CONFIG.search(note) else None
