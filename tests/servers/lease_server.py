"""As much of an API server as a service's life needs: namespace kube-system, and Leases."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

UID = "0b5f6c9e-1f0a-4d5e-9c51-3c8f3d3c4a11"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class LeaseServer:
    """Its answers, and its Leases by name."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.away = False
        self.url = ""
        self._version = 0

    def holder(self, name: str) -> str | None:
        found = self.leases.get(name)
        return found["spec"].get("holderIdentity") if found else None

    def take(self, name: str, identity: str) -> None:
        """Give a Lease to somebody else, as if the holder had been away."""
        lease = json.loads(json.dumps(self.leases[name]))
        lease["spec"]["holderIdentity"] = identity
        self._keep(lease)

    def write_kubeconfig(self, path: Path) -> Path:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "of-a-test"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def _keep(self, lease: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        lease["metadata"]["resourceVersion"] = str(self._version)
        lease["metadata"].setdefault("uid", f"uid-{lease['metadata']['name']}")
        self.leases[lease["metadata"]["name"]] = lease
        return lease

    async def namespace(self, _: web.Request) -> web.Response:
        if self.away:
            return _status(503, "ServiceUnavailable")
        return web.json_response({"metadata": {"name": "kube-system", "uid": UID}})

    async def read(self, request: web.Request) -> web.Response:
        lease = self.leases.get(request.match_info["name"])
        if self.away:
            return _status(503, "ServiceUnavailable")
        return web.json_response(lease) if lease else _status(404, "NotFound")

    async def create(self, request: web.Request) -> web.Response:
        lease = await request.json()
        if lease["metadata"]["name"] in self.leases:
            return _status(409, "AlreadyExists")
        return web.json_response(self._keep(lease), status=201)

    async def replace(self, request: web.Request) -> web.Response:
        lease, name = await request.json(), request.match_info["name"]
        if self.away:
            return _status(503, "ServiceUnavailable")
        known = self.leases[name]["metadata"]["resourceVersion"]
        if lease["metadata"].get("resourceVersion") != known:
            return _status(409, "Conflict")
        return web.json_response(self._keep(lease))


def _status(code: int, reason: str) -> web.Response:
    body = {"kind": "Status", "code": code, "reason": reason, "message": reason}
    return web.json_response(body, status=code)


@asynccontextmanager
async def lease_server() -> AsyncIterator[LeaseServer]:
    server, app = LeaseServer(), web.Application()
    app.router.add_get("/api/v1/namespaces/kube-system", server.namespace)
    app.router.add_post(_LEASES, server.create)
    app.router.add_get(f"{_LEASES}/{{name}}", server.read)
    app.router.add_put(f"{_LEASES}/{{name}}", server.replace)
    listening = TestServer(app)
    await listening.start_server()
    server.url = str(listening.make_url("")).rstrip("/")
    try:
        yield server
    finally:
        await listening.close()
