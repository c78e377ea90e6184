"""One plain request to the API server of a control plane, by whoever's token."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from servers.control_plane import ControlPlane

MERGE = "application/merge-patch+json"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """Return what the API server says of it."""
        return str(self.body.get("message", ""))

    @property
    def refused_by(self) -> str | None:
        """Return the ring that refused it: ``rbac``, ``admission``, or None."""
        if self.status != http.HTTPStatus.FORBIDDEN:
            return None
        return "admission" if "ValidatingAdmissionPolicy 'ooda-" in self.message else "rbac"


@dataclass(frozen=True)
class Request:
    """A request without the one who makes it."""

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def patch(path: str, body: Any) -> Request:
    """Return a merge patch, or a JSON patch if it is a list."""
    kind = "application/json-patch+json" if isinstance(body, list) else MERGE
    return Request("PATCH", path, body, (("Content-Type", kind),))


def ask(plane: ControlPlane, token: str, request: Request, *, dry_run: bool = False) -> Answer:
    """Make a request. A dry run is admitted as the real one would be, and changes nothing."""
    body = request.body
    headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON} | dict(request.headers)
    query = ""
    if dry_run and request.method == "DELETE":
        body = {"apiVersion": "v1", "kind": "DeleteOptions"} | (body or {}) | {"dryRun": ["All"]}
    elif dry_run:
        query = ("&" if "?" in request.path else "?") + "dryRun=All"
    connection = http.client.HTTPSConnection(
        "127.0.0.1", plane.port, context=plane.trust, timeout=20
    )
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(request.method, request.path + query, sent, headers)
        answer = connection.getresponse()
        text = answer.read()
        return Answer(answer.status, json.loads(text) if text.startswith(b"{") else {})
    finally:
        connection.close()
