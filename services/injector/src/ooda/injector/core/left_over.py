"""The pods that a StatefulSet has left over from a template that it has no more. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ooda.injector.core.workloads import is_observed

Object = Mapping[str, Any]
_REVISION = "controller-revision-hash"


def left_over(live: Object, pods: Sequence[Object], before: str) -> Sequence[Object] | None:
    """Return its pods that are neither of its template nor of revision ``before``.

    They were made meanwhile. None: its controller has not seen its template yet, and might make
    more. One that is leaving does not count.
    """
    if not is_observed(live):
        return None
    right = {before, live["status"].get("updateRevision")}
    return [
        each
        for each in pods
        if _is_of(live, each)
        and not each["metadata"].get("deletionTimestamp")
        and (each["metadata"].get("labels") or {}).get(_REVISION) not in right
    ]


def is_stuck(pod: Object) -> bool:
    """Say whether a pod is not ready: then its StatefulSet waits for it, and replaces none."""
    return not any(
        (each["type"], each["status"]) == ("Ready", "True")
        for each in (pod.get("status") or {}).get("conditions") or ()
    )


def _is_of(live: Object, pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(each.get("controller") and each["uid"] == live["metadata"]["uid"] for each in owners)
