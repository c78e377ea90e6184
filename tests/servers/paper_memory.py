"""What the kubelet on paper does with memory: it kills what needs more, and resizes in place."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ooda.common.quantities import bytes_of

NEEDS, RIGID = "paper/needs", "paper/rigid"
"""Annotations of a pod: what its containers need; and that it cannot be resized."""
KILLS = 2
"""Of a container that may use too little: as many as are a failure; then it runs again."""


def news(pod: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is to be said of a pod whose containers were told of before, None: nothing."""
    known = pod["status"]["containerStatuses"]
    annotations = pod["metadata"].get("annotations") or {}
    specs = {each["name"]: each for each in pod["spec"]["containers"]}
    told = [_told(each, specs[each["name"]], annotations) for each in known]
    if told != known:
        return {"containerStatuses": told}
    pending = any(
        each["type"] == "PodResizePending" and each["status"] == "True"
        for each in pod["status"].get("conditions") or ()
    )
    differs = any(_limit(specs[each["name"]]) != _limit(each) for each in known)
    if pending == differs:
        return None
    status = "True" if differs else "False"
    cannot = {"type": "PodResizePending", "status": status, "reason": "Infeasible"}
    return {"conditions": [cannot]}


def killed(pod: Mapping[str, Any], said: Mapping[str, Any]) -> str | None:
    """Return the container that is killed for the first time by what is said, if one is."""
    known = {e["name"]: e["restartCount"] for e in pod["status"]["containerStatuses"]}
    told = said.get("containerStatuses", ())
    return next((e["name"] for e in told if e["restartCount"] > known[e["name"]] == 0), None)


def _told(
    status: Mapping[str, Any], spec: Mapping[str, Any], annotations: Mapping[str, str]
) -> dict[str, Any]:
    told = dict(status)
    if RIGID not in annotations and (spec.get("resources") or {}) != status.get("resources"):
        told["resources"] = spec["resources"]
    needs, limit = bytes_of(annotations.get(NEEDS)), bytes_of(_limit(told))
    restarts = told["restartCount"]
    if needs and limit and limit < needs and restarts < KILLS:
        last = {"exitCode": 137, "reason": "OOMKilled"}
        times = {"startedAt": _ago(KILLS - restarts), "finishedAt": _ago(KILLS - restarts)}
        told |= {
            "restartCount": restarts + 1,
            "state": {"running": {"startedAt": _ago(0)}},
            "lastState": {"terminated": last | times},
        }
    return told


def _limit(container: Mapping[str, Any]) -> str | None:
    found = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if found is None else str(found)


def _ago(seconds: int) -> str:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
