"""Plays scheduler and kubelet for a real API server: pods become what their spec deserves.

Controllers, admission and storage are the real ones; only what would run containers is on paper.
An image whose tag is ``broken`` cannot be pulled; a container whose command is ``false`` crashes;
one that annotation ``paper/leaks`` of its pod names is killed for memory until the pod is replaced;
all that may use less than annotation ``paper/needs`` were killed twice and run again; everything
else is running and ready as soon as it is seen. A pod is resized in place at once, or never if it
has annotation ``paper/rigid``.
"""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from ooda.common.quantities import bytes_of

NODE = "paper-1"
LEAKS, NEEDS, RIGID = "paper/leaks", "paper/needs", "paper/rigid"
KILLS = 2
"""Of a container that may use too little: as many as are a failure."""
_MERGE = {"Content-Type": "application/strategic-merge-patch+json"}


@asynccontextmanager
async def paper_kubelet(server: str, token: str, trust: ssl.SSLContext) -> AsyncIterator[None]:
    """Run pods on paper for as long as the block lasts."""
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(ssl=trust)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        server, headers=headers, connector=connector, timeout=timeout
    ) as session:
        await _create_node(session)
        task = asyncio.create_task(_follow(session))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _create_node(session: aiohttp.ClientSession) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    async with session.post("/api/v1/nodes", json=node) as answer:
        assert answer.status in (201, 409), await answer.text()
    ready = {"type": "Ready", "status": "True", "reason": "OnPaper", "message": ""}
    async with session.patch(
        f"/api/v1/nodes/{NODE}/status",
        data=json.dumps({"status": {"conditions": [ready], "allocatable": {"memory": "8Gi"}}}),
        headers=_MERGE,
    ) as answer:
        assert answer.status == 200, await answer.text()


async def _follow(session: aiohttp.ClientSession) -> None:
    """List pods, then watch; begin again when the server went away."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with session.get("/api/v1/pods") as answer:
                listed = await answer.json()
            for pod in listed["items"]:
                await _treat(session, pod)
            version = listed["metadata"]["resourceVersion"]
            async with session.get(
                "/api/v1/pods", params={"watch": "1", "resourceVersion": version}
            ) as watch:
                async for line in watch.content:
                    change = json.loads(line)
                    if change["type"] in ("ADDED", "MODIFIED"):
                        await _treat(session, change["object"])
        await asyncio.sleep(0.1)


async def _treat(session: aiohttp.ClientSession, pod: Mapping[str, Any]) -> None:
    """Bring one pod a step on: delete it, bind it, or say how its containers are."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
    if meta.get("deletionTimestamp"):
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        async with session.delete(path, json=body):
            return
    if not pod["spec"].get("nodeName"):
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        }
        async with session.post(f"{path}/binding", json=binding):
            return
    known = _known(pod)
    status = _status(pod)
    down = [each["name"] for each in status["containerStatuses"] if each["restartCount"]]
    if known and down and not any(each["restartCount"] for each in known.values()):
        await _back_off(session, meta, down[0])
        known = {}
    if not known or _told(known.values()) != _told(status["containerStatuses"]):
        await _say(session, path, status)
    elif _pending(pod) != (_limits(known.values()) != _limits(pod["spec"]["containers"])):
        await _say(session, path, {"conditions": [_cannot(not _pending(pod))]})


async def _say(session: aiohttp.ClientSession, path: str, status: Mapping[str, Any]) -> None:
    async with session.patch(f"{path}/status", data=json.dumps({"status": status}), headers=_MERGE):
        return


def _known(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what was said of each container."""
    said = (pod.get("status") or {}).get("containerStatuses") or ()
    return {each["name"]: each for each in said}


def _told(statuses: Iterable[Mapping[str, Any]]) -> list[tuple[int, str | None]]:
    return [(each["restartCount"], _limit(each)) for each in statuses]


def _limits(containers: Iterable[Mapping[str, Any]]) -> list[str | None]:
    return [_limit(each) for each in containers]


def _limit(container: Mapping[str, Any]) -> str | None:
    found = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if found is None else str(found)


def _pending(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(e["type"] == "PodResizePending" and e["status"] == "True" for e in conditions)


def _cannot(pending: bool) -> dict[str, str]:  # noqa: FBT001 - a status
    status = "True" if pending else "False"
    return {"type": "PodResizePending", "status": status, "reason": "Infeasible"}


async def _back_off(session: aiohttp.ClientSession, meta: Mapping[str, Any], name: str) -> None:
    """Say what the kubelet says of a container that ends again and again."""
    about = {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "fieldPath": f"spec.containers{{{name}}}",
    }
    body = {
        "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
        "involvedObject": about,
        "reason": "BackOff",
        "message": f"Back-off restarting failed container {name} in pod {meta['name']}",
        "type": "Warning",
        "firstTimestamp": _now(),
        "lastTimestamp": _now(),
        "count": 1,
        "source": {"component": "kubelet"},
    }
    async with session.post(f"/api/v1/namespaces/{meta['namespace']}/events", json=body) as answer:
        assert answer.status == 201, await answer.text()


def _status(pod: Mapping[str, Any]) -> dict[str, Any]:
    annotations, known = pod["metadata"].get("annotations") or {}, _known(pod)
    containers = [
        _container(each, annotations, known.get(each["name"], {}))
        for each in pod["spec"]["containers"]
    ]
    ready = "True" if all(each["ready"] for each in containers) else "False"
    since = _now()
    return {
        "phase": "Running" if any(each["started"] for each in containers) else "Pending",
        "startTime": since,
        "podIPs": [{"ip": _address(pod["metadata"]["uid"])}],
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": since}
            for kind, status in (
                ("PodScheduled", "True"),
                ("Initialized", "True"),
                ("ContainersReady", ready),
                ("Ready", ready),
            )
        ],
        "containerStatuses": containers,
    }


def _address(uid: str) -> str:
    """Return an address of a pod's own, so that Services can lead to it."""
    number = int(uid.replace("-", "")[:6], 16)
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _container(
    spec: Mapping[str, Any], annotations: Mapping[str, str], known: Mapping[str, Any]
) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": _now()}}
    leaks = spec["name"] == annotations.get(LEAKS)
    resources = known.get("resources") if known and RIGID in annotations else None
    resources = resources or spec.get("resources") or {}
    needs = bytes_of(annotations.get(NEEDS)) or 0
    starves = needs > (bytes_of(_limit({"resources": resources})) or needs)
    restarts, last = known.get("restartCount", 0), known.get("lastState") or {}
    if spec["image"].endswith(":broken"):
        state = {"waiting": {"reason": "ErrImagePull", "message": "no such tag"}}
    elif leaks or spec.get("command") == ["false"]:
        code, reason = (137, "OOMKilled") if leaks else (1, "Error")
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        restarts, last = 3, _ended(code, reason)
    elif starves and restarts < KILLS:
        restarts, last = restarts + 1, _ended(137, "OOMKilled", KILLS - restarts)
    runs = "running" in state
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": runs,
        "started": runs,
        "restartCount": restarts,
        "state": state,
        "lastState": last,
        "resources": resources,
    }


def _ended(code: int, reason: str, ago: int = 0) -> dict[str, Any]:
    """Return what is said of the last end of a container, so many seconds ago."""
    times = {"startedAt": _now(ago), "finishedAt": _now(ago)}
    return {"terminated": {"exitCode": code, "reason": reason} | times}


def _now(ago: int = 0) -> str:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
