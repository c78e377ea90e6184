"""Plays scheduler and kubelet for a real API server: pods become what their spec deserves.

Controllers, admission and storage are the real ones; only what would run containers is on paper.
An image whose tag is ``broken`` cannot be pulled; a container whose command is ``false`` crashes;
one that annotation ``paper/leaks`` of its pod names is killed for memory until the pod is replaced;
everything else is running and ready as soon as it is seen. What a pod logs is ``paper_logs``.
"""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from servers.paper_logs import PaperLogs

NODE = "paper-1"
LEAKS = "paper/leaks"
_MERGE = {"Content-Type": "application/strategic-merge-patch+json"}


@asynccontextmanager
async def paper_kubelet(
    server: str, token: str, trust: ssl.SSLContext, serving: ssl.SSLContext
) -> AsyncIterator[None]:
    """Run pods on paper for as long as the block lasts; their logs are served like a kubelet's."""
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(ssl=trust)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        server, headers=headers, connector=connector, timeout=timeout
    ) as session:
        logs = PaperLogs(session)
        async with logs.served(serving) as port:
            await _create_node(session, port)
            tasks = [asyncio.create_task(each) for each in (_follow(session, logs), logs.write())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task


async def _create_node(session: aiohttp.ClientSession, port: int) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    async with session.post("/api/v1/nodes", json=node) as answer:
        assert answer.status in (201, 409), await answer.text()
    ready = {"type": "Ready", "status": "True", "reason": "OnPaper", "message": ""}
    async with session.patch(
        f"/api/v1/nodes/{NODE}/status",
        data=json.dumps(
            {
                "status": {
                    "conditions": [ready],
                    "allocatable": {"memory": "8Gi"},
                    "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
                }
            }
        ),
        headers=_MERGE,
    ) as answer:
        assert answer.status == 200, await answer.text()


async def _follow(session: aiohttp.ClientSession, logs: PaperLogs) -> None:
    """List pods, then watch; begin again when the server went away."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with session.get("/api/v1/pods") as answer:
                listed = await answer.json()
            for pod in listed["items"]:
                logs.know(pod)
                await _treat(session, pod)
            version = listed["metadata"]["resourceVersion"]
            async with session.get(
                "/api/v1/pods", params={"watch": "1", "resourceVersion": version}
            ) as watch:
                async for line in watch.content:
                    change = json.loads(line)
                    if change["type"] in ("ADDED", "MODIFIED"):
                        logs.know(change["object"])
                        await _treat(session, change["object"])
                    elif change["type"] == "DELETED":
                        logs.forget(change["object"])
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
    leaking = (meta.get("annotations") or {}).get(LEAKS)
    known = (pod.get("status") or {}).get("containerStatuses")
    if known and leaking and not any(each["restartCount"] for each in known):
        await _back_off(session, meta, leaking)
        known = None
    if not known:
        async with session.patch(
            f"{path}/status", data=json.dumps({"status": _status(pod)}), headers=_MERGE
        ):
            return


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
    leaking = (pod["metadata"].get("annotations") or {}).get(LEAKS)
    containers = [_container(each, leaking) for each in pod["spec"]["containers"]]
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


def _container(spec: Mapping[str, Any], leaking: str | None) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": _now()}}
    restarts, last = 0, {}
    if spec["image"].endswith(":broken"):
        state = {"waiting": {"reason": "ErrImagePull", "message": "no such tag"}}
    elif spec["name"] == leaking or spec.get("command") == ["false"]:
        code, reason = (137, "OOMKilled") if spec["name"] == leaking else (1, "Error")
        ended = {"exitCode": code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        restarts, last = 3, {"terminated": ended}
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
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
