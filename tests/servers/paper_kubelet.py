"""Plays scheduler and kubelet for a real API server: pods become what their spec deserves.

Controllers, admission and storage are the real ones; only what would run containers is on paper.
An image whose tag is ``broken`` cannot be pulled; a container whose command is ``false`` crashes,
and one of ``true`` ends well; one whose readiness probe asks another port than 8080 is never ready;
one that annotation ``paper/leaks`` of its pod names is killed for memory until the pod is replaced;
one that wants a key which its ConfigMap lacks waits for it, and one whose key says ``crash``
crashes until it says something else. A pod whose volume claim is not there finds no node, nor does
one that selects nodes by labels which the only node has not. Of a Job with annotation
``paper/fails-once`` the first pod fails. Everything else is running and ready as soon as it is
seen. What a pod logs is ``paper_logs``; what needs more memory, and is resized, ``paper_memory``.
"""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from servers.paper_logs import PaperLogs
from servers.paper_memory import killed, news

NODE = "paper-1"
LEAKS = "paper/leaks"
FAILS_ONCE = "paper/fails-once"
CRASH = "crash"
"""What a key of a ConfigMap says by which a container crashes that reads it."""
RESTARTS = 3
"""Of a container that crashes, when it is first told of."""
LABELS = {"paper": "yes"}
"""Of the node, for what selects one."""
_AGAIN = 0.3  # seconds


@dataclass(frozen=True)
class _Environment:
    """What is wrong with what containers read of ConfigMaps, by their names."""

    missing: frozenset[str] = frozenset()
    """They want a key that is not there."""
    crashing: frozenset[str] = frozenset()

    @property
    def good(self) -> bool:
        """Say whether all can run."""
        return not self.missing | self.crashing


@dataclass
class _Memory:
    waiting: dict[str, tuple[Mapping[str, Any], _Environment]] = field(default_factory=dict)
    """Pods that cannot run as their ConfigMaps are, by UID."""
    failed: set[str] = field(default_factory=set)
    """UIDs of Jobs of which a pod has failed once."""

    def lets_fail(self, pod: Mapping[str, Any]) -> bool:
        """Say whether this pod is the first of a Job of which one is to fail."""
        owners = pod["metadata"].get("ownerReferences") or ()
        job = next((each["uid"] for each in owners), "")
        marked = FAILS_ONCE in (pod["metadata"].get("annotations") or {})
        if not marked or job in self.failed:
            return False
        self.failed.add(job)
        return True


_LISTENS = (8080, None)
"""Where containers listen: the port of a readiness probe, None if it asks none by number."""
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
        logs, memory = PaperLogs(session), _Memory()
        async with logs.served(serving) as port:
            await _create_node(session, port)
            works = _follow(session, memory, logs), _try_again(session, memory), logs.write()
            tasks = [asyncio.create_task(each) for each in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                for each in ended:
                    if not isinstance(each, asyncio.CancelledError | None):
                        raise each


async def _create_node(session: aiohttp.ClientSession, port: int) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": LABELS}}
    async with session.post("/api/v1/nodes", json=node) as answer:
        assert answer.status in (201, 409), await answer.text()
    # Admission gives a new node a taint that the node controller would take away.
    untainted = json.dumps({"spec": {"taints": None}})
    async with session.patch(f"/api/v1/nodes/{NODE}", data=untainted, headers=_MERGE) as answer:
        assert answer.status == 200, await answer.text()
    ready = {"type": "Ready", "status": "True", "reason": "OnPaper", "message": ""}
    async with session.patch(
        f"/api/v1/nodes/{NODE}/status",
        data=json.dumps(
            {
                "status": {
                    "conditions": [ready],
                    "allocatable": {"cpu": "8", "memory": "8Gi"},
                    "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
                }
            }
        ),
        headers=_MERGE,
    ) as answer:
        assert answer.status == 200, await answer.text()


async def _try_again(session: aiohttp.ClientSession, memory: _Memory) -> None:
    """Look again whether ConfigMaps are now as containers need them, for ever."""
    while True:
        await asyncio.sleep(_AGAIN)
        for uid, (pod, before) in list(memory.waiting.items()):
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                if (await _environment(session, pod)).good:
                    memory.waiting.pop(uid, None)
                    await _say_status(session, pod, _recovered(pod, before))


def _recovered(pod: Mapping[str, Any], before: _Environment) -> dict[str, Any]:
    """Return what is said of a pod whose containers run now; those that crashed did so before."""
    status = _status(pod, _Environment())
    for each in status["containerStatuses"]:
        if each["name"] in before.crashing:
            each |= {"restartCount": RESTARTS + 1, "lastState": {"terminated": _ended(1, "Error")}}
    return status


async def _environment(session: aiohttp.ClientSession, pod: Mapping[str, Any]) -> _Environment:
    """Return what is wrong with what its containers read of ConfigMaps."""
    missing, crashing = set(), set()
    for container in pod["spec"]["containers"]:
        for each in container.get("env") or ():
            reference = (each.get("valueFrom") or {}).get("configMapKeyRef")
            if reference is None:
                continue
            place = f"/api/v1/namespaces/{pod['metadata']['namespace']}/configmaps"
            async with session.get(f"{place}/{reference['name']}") as answer:
                data = (await answer.json()).get("data") or {}
            if reference["key"] not in data:
                missing.add(container["name"])
            elif data[reference["key"]] == CRASH:
                crashing.add(container["name"])
    return _Environment(frozenset(missing), frozenset(crashing))


async def _claim_missing(session: aiohttp.ClientSession, pod: Mapping[str, Any]) -> str | None:
    """Return a volume claim that a pod names and that is not there."""
    place = f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims"
    for each in pod["spec"].get("volumes") or ():
        name = (each.get("persistentVolumeClaim") or {}).get("claimName")
        if name is not None:
            async with session.get(f"{place}/{name}") as answer:
                if answer.status == 404:
                    return str(name)
    return None


async def _say_status(
    session: aiohttp.ClientSession, pod: Mapping[str, Any], status: Mapping[str, Any]
) -> None:
    async with session.patch(
        f"{_path(pod)}/status", data=json.dumps({"status": status}), headers=_MERGE
    ):
        return


def _path(pod: Mapping[str, Any]) -> str:
    meta = pod["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"


async def _follow(session: aiohttp.ClientSession, memory: _Memory, logs: PaperLogs) -> None:
    """List pods, then watch; begin again when the server went away."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with session.get("/api/v1/pods") as answer:
                listed = await answer.json()
            for pod in listed["items"]:
                logs.know(pod)
                await _treat(session, pod, memory)
            version = listed["metadata"]["resourceVersion"]
            async with session.get(
                "/api/v1/pods", params={"watch": "1", "resourceVersion": version}
            ) as watch:
                async for line in watch.content:
                    change = json.loads(line)
                    if change["type"] in ("ADDED", "MODIFIED"):
                        logs.know(change["object"])
                        await _treat(session, change["object"], memory)
                    elif change["type"] == "DELETED":
                        logs.forget(change["object"])
        await asyncio.sleep(0.1)


async def _treat(session: aiohttp.ClientSession, pod: Mapping[str, Any], memory: _Memory) -> None:
    """Bring one pod a step on: delete it, bind it, or say how its containers are."""
    meta, path = pod["metadata"], _path(pod)
    if meta.get("deletionTimestamp"):
        memory.waiting.pop(meta["uid"], None)
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        async with session.delete(path, json=body):
            return
    if not pod["spec"].get("nodeName"):
        await _schedule(session, pod)
        return
    leaking = (meta.get("annotations") or {}).get(LEAKS)
    known = (pod.get("status") or {}).get("containerStatuses")
    if known and leaking and not any(each["restartCount"] for each in known):
        await _back_off(session, meta, leaking)
        known = None
    if not known:
        environment = await _environment(session, pod)
        if not environment.good:
            memory.waiting[meta["uid"]] = pod, environment
        for each in pod["spec"]["containers"]:
            if _loops(pod, each) or each["name"] in environment.crashing:
                await _back_off(session, meta, each["name"])
        fails = memory.lets_fail(pod)
        await _say_status(session, pod, _status(pod, environment, fails=fails))
        return
    said = news(pod)
    if said is not None:
        name = killed(pod, said)
        if name is not None:
            await _back_off(session, meta, name)
        await _say_status(session, pod, said)


async def _schedule(session: aiohttp.ClientSession, pod: Mapping[str, Any]) -> None:
    """Bind a pod to a node, or say why there is none."""
    claim = await _claim_missing(session, pod)
    if claim is not None:
        await _find_no_node(session, pod, f'persistentvolumeclaim "{claim}" not found')
        return
    if not (pod["spec"].get("nodeSelector") or {}).items() <= LABELS.items():
        await _find_no_node(session, pod, "1 node(s) didn't match Pod's node affinity/selector")
        return
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod["metadata"]["name"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": _meant_for(pod)},
    }
    async with session.post(f"{_path(pod)}/binding", json=binding):
        return


def _loops(pod: Mapping[str, Any], container: Mapping[str, Any]) -> bool:
    return container.get("command") == ["false"] and pod["spec"]["restartPolicy"] == "Always"


def _meant_for(pod: Mapping[str, Any]) -> str:
    """Return the node that a DaemonSet's pod names, else the only one."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or ()
    names = (field["values"][0] for term in terms for field in term.get("matchFields") or ())
    return str(next(names, NODE))


async def _back_off(session: aiohttp.ClientSession, meta: Mapping[str, Any], name: str) -> None:
    """Say what the kubelet says of a container that ends again and again."""
    words = f"Back-off restarting failed container {name} in pod {meta['name']}"
    about = {"fieldPath": f"spec.containers{{{name}}}"}
    await _say_event(session, meta, about, ("BackOff", words, "kubelet"))


async def _find_no_node(session: aiohttp.ClientSession, pod: Mapping[str, Any], why: str) -> None:
    """Say once what the scheduler says of a pod that fits on no node."""
    if (pod.get("status") or {}).get("conditions"):
        return
    words = f"0/1 nodes are available: {why}. preemption: not helpful for scheduling."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    condition |= {"message": words, "lastTransitionTime": _now()}
    await _say_status(session, pod, {"phase": "Pending", "conditions": [condition]})
    said = ("FailedScheduling", words, "default-scheduler")
    await _say_event(session, pod["metadata"], {}, said)


async def _say_event(
    session: aiohttp.ClientSession,
    meta: Mapping[str, Any],
    about: Mapping[str, str],
    said: tuple[str, str, str],
) -> None:
    """Say an Event of a pod: its reason, its words and whose they are."""
    pod = {key: meta[key] for key in ("namespace", "name", "uid")}
    reason, message, component = said
    body = {
        "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
        "involvedObject": {"kind": "Pod", **pod, **about},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "firstTimestamp": _now(),
        "lastTimestamp": _now(),
        "count": 1,
        "source": {"component": component},
    }
    async with session.post(f"/api/v1/namespaces/{meta['namespace']}/events", json=body) as answer:
        assert answer.status == 201, await answer.text()


def _status(
    pod: Mapping[str, Any], environment: _Environment, *, fails: bool = False
) -> dict[str, Any]:
    leaking = (pod["metadata"].get("annotations") or {}).get(LEAKS)
    ends = pod["spec"]["restartPolicy"] != "Always"
    containers = [
        _container(
            each
            | ({"command": ["false"]} if fails or each["name"] in environment.crashing else {}),
            leaking,
            environment.missing,
            ends=ends,
        )
        for each in pod["spec"]["containers"]
    ]
    ready = "True" if all(each["ready"] for each in containers) else "False"
    since = _now()
    return {
        "phase": _phase(containers),
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
    """Return an address of a pod's own, so that Services can lead to it.

    Nobody is there, and no packet goes out: TCP knows no connection to a group (multicast).
    """
    number = int(uid.replace("-", "")[:6], 16)
    return f"239.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _phase(containers: Sequence[Mapping[str, Any]]) -> str:
    over = [each["state"].get("terminated") for each in containers]
    if all(over):
        return "Failed" if any(each["exitCode"] for each in over) else "Succeeded"
    return "Running" if any(each["started"] for each in containers) else "Pending"


def _container(
    spec: Mapping[str, Any], leaking: str | None, missing: frozenset[str], *, ends: bool
) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": _now()}}
    restarts, last = 0, {}
    if spec["image"].endswith(":broken"):
        state = {"waiting": {"reason": "ErrImagePull", "message": "no such tag"}}
    elif spec["name"] in missing:
        words = "couldn't find key"
        state = {"waiting": {"reason": "CreateContainerConfigError", "message": words}}
    elif ends and spec.get("command") in (["false"], ["true"]):
        code = 1 if spec["command"] == ["false"] else 0
        why, at = "Error" if code else "Completed", _now()
        times = {"startedAt": at, "finishedAt": at}
        state = {"terminated": {"exitCode": code, "reason": why, **times}}
    elif spec["name"] == leaking or spec.get("command") == ["false"]:
        code, reason = (137, "OOMKilled") if spec["name"] == leaking else (1, "Error")
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        restarts, last = RESTARTS, {"terminated": _ended(code, reason)}
    runs = "running" in state
    asked = (spec.get("readinessProbe") or {}).get("httpGet") or {}
    port = asked.get("port")
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": runs and (port in _LISTENS or isinstance(port, str)),
        "started": runs,
        "restartCount": restarts,
        "state": state,
        "lastState": last,
        "resources": spec.get("resources") or {},
    }


def _ended(code: int, reason: str) -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
