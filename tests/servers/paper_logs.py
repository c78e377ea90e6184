"""What pods on paper log: the real answers of a real API server to what they ask of it.

A pod with annotation ``paper/reads`` (such as ``configmaps/prices``) reads that object of its own
namespace every second, as its own service account, and logs what came of it. The API server gets
the log where it gets every log: from the kubelet of the pod's node.
"""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

READS = "paper/reads"
KEPT = 200
"""Lines of a log that are kept."""


@dataclass
class PaperPod:
    """A pod that asks for something, and its log."""

    namespace: str
    name: str
    account: str
    reads: str
    lines: list[str] = field(default_factory=list)

    def log(self, text: str) -> None:
        """Write one line, as the kubelet stamps it."""
        stamp = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.lines = [*self.lines, f"{stamp} {text}"][-KEPT:]


class PaperLogs:
    """The logs of all pods that ask for something."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._pods: dict[tuple[str, str], PaperPod] = {}

    def know(self, pod: Mapping[str, Any]) -> None:
        """Have a pod ask, if it is one that does."""
        meta = pod["metadata"]
        reads = (meta.get("annotations") or {}).get(READS)
        key = meta["namespace"], meta["name"]
        if reads and key not in self._pods:
            account = pod["spec"].get("serviceAccountName", "default")
            self._pods[key] = PaperPod(*key, account, reads)

    def forget(self, pod: Mapping[str, Any]) -> None:
        """Take note that a pod is gone."""
        self._pods.pop((pod["metadata"]["namespace"], pod["metadata"]["name"]), None)

    async def write(self) -> None:
        """Have all of them ask once a second, for ever."""
        while True:
            for pod in tuple(self._pods.values()):
                with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                    await self._ask(pod)
            await asyncio.sleep(1)

    async def _ask(self, pod: PaperPod) -> None:
        path = f"/api/v1/namespaces/{pod.namespace}/{pod.reads}"
        headers = {"Impersonate-User": f"system:serviceaccount:{pod.namespace}:{pod.account}"}
        async with self._session.get(path, headers=headers) as answer:
            told = await answer.json()
        if answer.status == 200:
            pod.log(json.dumps({"level": "info", "event": "read", "object": pod.reads}))
        else:
            pod.log(json.dumps({"level": "error", "event": "cannot read", "why": told["message"]}))

    @asynccontextmanager
    async def served(self, serving: ssl.SSLContext) -> AsyncIterator[int]:
        """Serve the logs on a port of the loopback for as long as the block lasts."""
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._tell)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving)
        await site.start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _tell(self, request: web.Request) -> web.Response:
        pod = self._pods.get((request.match_info["namespace"], request.match_info["pod"]))
        lines = pod.lines if pod is not None else []
        lines = lines[-int(request.query.get("tailLines", KEPT)) :]
        if request.query.get("timestamps") != "true":
            lines = [line.partition(" ")[2] for line in lines]
        return web.Response(text="".join(f"{line}\n" for line in lines))
