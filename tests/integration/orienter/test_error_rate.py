"""Error rates over HTTP, from a small server that answers as Prometheus does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from factories.diagnosis import WEIGHTS
from factories.events import NAMESPACE, NOW
from ooda.common.findings import Finding
from ooda.common.taxonomy import EvidenceFamily
from ooda.common.testing import FixedClock
from ooda.common.testing.cluster import FakeCluster
from ooda.orienter.prometheus import LIMIT, Prometheus, PrometheusUnavailableError
from ooda.orienter.sight import Sight
from ooda.orienter.tools.toolbox import Toolbox

CHUNK = 16384


@dataclass
class Server:
    url: str
    status: int = 200
    body: bytes = b"{}"
    chunked: bool = False
    queries: list[str] = field(default_factory=list)

    def answers(self, **rates: str) -> None:
        """Answer with requests per second by status, given as ``s200="9"``."""
        result = [
            {"metric": {"http_response_status_code": name[1:]}, "value": [0, value]}
            for name, value in rates.items()
        ]
        answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
        self.body = json.dumps(answer).encode()


@contextmanager
def serving() -> Iterator[Server]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            assert parts.path == "/api/v1/query"
            server.queries += parse_qs(parts.query)["query"]
            self.send_response(server.status)
            self.send_header("Content-Type", "application/json")
            if server.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.in_chunks(server.body)
            else:
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

        def in_chunks(self, body: bytes) -> None:
            # Who asked may hang up when it has read enough.
            with suppress(ConnectionError):
                for at in range(0, len(body), CHUNK):
                    part = body[at : at + CHUNK]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        server = Server(f"http://127.0.0.1:{listening.server_port}/")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@pytest.fixture
def prometheus() -> Iterator[Server]:
    with serving() as server:
        yield server


async def ask(url: str) -> Finding:
    toolbox = Toolbox(FakeCluster(), Prometheus(url), Sight(), FixedClock(NOW), WEIGHTS)
    asked = {"service": "checkout", "namespace": NAMESPACE, "window_seconds": 30}
    found = await toolbox.tools()["query_error_rate"].ainvoke(asked)
    assert isinstance(found, Finding)
    return found


async def test_a_healthy_service(prometheus: Server) -> None:
    prometheus.answers(s200="12.5")

    found = await ask(prometheus.url)

    assert found.family is EvidenceFamily.SERVER_METRICS
    assert found.healthy > 0
    (query,) = prometheus.queries
    assert query == (
        "sum by (http_response_status_code) "
        "(rate(http_server_request_duration_seconds_count"
        f'{{service="checkout",namespace="{NAMESPACE}"}}[30s]))'
    )


async def test_a_failing_service(prometheus: Server) -> None:
    prometheus.answers(s200="8", s503="2")

    found = await ask(prometheus.url)

    assert found.healthy < 0
    assert found.excerpt == "20.0% of 10.00 requests/s failed in the last 30 s"


async def test_no_requests_is_no_opinion_after_every_profile_was_asked(prometheus: Server) -> None:
    prometheus.answers()

    found = await ask(prometheus.url)

    assert found.outcome == "nothing"
    assert "istio_requests_total" in prometheus.queries[1]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"status": "error"}'),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": [{}]}}'),
    ],
    ids=["not ready", "no JSON", "no object", "an error", "no values"],
)
async def test_an_answer_of_another_form_is_unavailable(
    prometheus: Server, status: int, body: bytes
) -> None:
    prometheus.status, prometheus.body = status, body

    assert (await ask(prometheus.url)).outcome == "unavailable"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "outcome"), [(LIMIT, "evidence"), (LIMIT + 1, "unavailable")])
async def test_an_answer_is_read_up_to_a_limit(
    prometheus: Server, size: int, outcome: str, *, chunked: bool
) -> None:
    prometheus.answers(s200="9")
    prometheus.body = prometheus.body.ljust(size)
    prometheus.chunked = chunked

    assert (await ask(prometheus.url)).outcome == outcome


async def test_nobody_listens() -> None:
    with serving() as server:
        url = server.url

    assert (await ask(url)).outcome == "unavailable"
    with pytest.raises(PrometheusUnavailableError):
        await Prometheus(url).query("up")
