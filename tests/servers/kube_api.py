"""A Kubernetes API server's answers for ConfigMaps and Secrets, on a loopback port.

Enough of the real protocol (get, merge patch, watch with a field selector,
Status bodies) to run a real client against; objects and permissions are set
through the object itself, from the same process.
"""

import base64
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMESPACE = "fault-injection-shop"
KINDS = {"configmaps": "ConfigMap", "secrets": "Secret"}


class KubeApi:
    """The objects of one namespace, as an API server keeps them."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._watches: list[tuple[str, str, queue.Queue[dict[str, Any] | None]]] = []
        self._forbidden: set[tuple[str, str]] = set()
        self._version = 0
        self._lock = threading.RLock()
        self.url = ""

    def put(self, plural: str, name: str, data: Mapping[str, str]) -> None:
        """Create or replace an object; a Secret's values are encoded here."""
        if plural == "secrets":
            data = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        with self._lock:
            self.store(plural, name, dict(data))

    def store(self, plural: str, name: str, data: dict[str, str]) -> dict[str, Any]:
        """Keep an object and tell those who watch it."""
        with self._lock:
            self._version += 1
            change = "MODIFIED" if (plural, name) in self._objects else "ADDED"
            stored = {
                "apiVersion": "v1",
                "kind": KINDS[plural],
                "metadata": {"name": name, "resourceVersion": str(self._version)},
                "data": data,
            }
            self._objects[plural, name] = stored
            for watched, wanted, events in self._watches:
                if (watched, wanted) == (plural, name):
                    events.put({"type": change, "object": stored})
            return stored

    def forbid(self, plural: str, name: str) -> None:
        """Answer new requests for an object with 403; open watches live on."""
        self._forbidden.add((plural, name))

    def allow(self, plural: str, name: str) -> None:
        """Undo `forbid`."""
        self._forbidden.discard((plural, name))

    def forbidden(self, plural: str, name: str) -> bool:
        return (plural, name) in self._forbidden

    def get(self, plural: str, name: str) -> dict[str, Any] | None:
        with self._lock:
            return self._objects.get((plural, name))

    def data(self, plural: str, name: str) -> dict[str, str]:
        """Return an object's data as it is stored."""
        found = self.get(plural, name)
        return dict(found["data"]) if found else {}

    def subscribe(self, plural: str, name: str) -> queue.Queue[dict[str, Any] | None]:
        """Return a queue of watch events that begins with the present state."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self._lock:
            found = self.get(plural, name)
            if found:
                events.put({"type": "ADDED", "object": found})
            self._watches.append((plural, name, events))
        return events

    def drop_watches(self) -> None:
        """End all watches, as a restarting API server does."""
        with self._lock:
            for _, _, events in self._watches:
                events.put(None)
            self._watches.clear()

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                    "users": [{"name": "test", "user": {}}],
                    "contexts": [
                        {
                            "name": "test",
                            "context": {"cluster": "test", "user": "test", "namespace": NAMESPACE},
                        }
                    ],
                }
            )
        )
        return path


@contextmanager
def kube_api() -> Iterator[KubeApi]:
    """Serve an empty namespace for as long as the block runs."""
    api = KubeApi()
    server = _Server(api)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        api.drop_watches()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: KubeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        plural, _, name = url.path.partition(f"/namespaces/{NAMESPACE}/")[2].partition("/")
        if "watch" in query:
            self._watch(plural, query["fieldSelector"][0].removeprefix("metadata.name="))
        elif found := self._allowed(plural, name):
            self._answer(200, found)

    def do_PATCH(self) -> None:
        plural, _, name = (
            self.path.partition("?")[0].split("/namespaces/")[1].split("/", 1)[1].partition("/")
        )
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._allowed(plural, name):
            self._answer(
                200,
                self.server.api.store(
                    plural, name, {**self.server.api.data(plural, name), **patch["data"]}
                ),
            )

    def _allowed(self, plural: str, name: str) -> dict[str, Any] | None:
        if self.server.api.forbidden(plural, name):
            self._refuse(403, "Forbidden", f'{plural} "{name}" is forbidden: User "test"')
            return None
        found = self.server.api.get(plural, name)
        if found is None:
            self._refuse(404, "NotFound", f'{plural} "{name}" not found')
        return found

    def _watch(self, plural: str, name: str) -> None:
        if self.server.api.forbidden(plural, name):
            self._refuse(403, "Forbidden", f'{plural} "{name}" is forbidden: User "test"')
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        events = self.server.api.subscribe(plural, name)
        try:
            while (event := events.get()) is not None:
                self.wfile.write(json.dumps(event).encode() + b"\n")
                self.wfile.flush()
        except OSError:
            pass  # the client has gone
        self.close_connection = True

    def _refuse(self, code: int, reason: str, message: str) -> None:
        status = {
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        self._answer(code, status)

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Tests have no use for an access log."""
