"""People are told over real HTTP; whatever the other side does, the loop goes on."""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from factories.events import CHECKOUT, make, request
from ooda.common.events import ReviewRequested
from ooda.common.plans import Basis
from ooda.common.testing.bus import MemoryBus
from ooda.decider.notifying import Notifying, Patience
from ooda.decider.settings import DeciderSettings
from servers.processes import free_port
from servers.waiting import until

# Apprise's own, of Python 3.11 and 3.12, for images in mails.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "t0ps3cr3t-t0k3n"
QUICK = Patience(longest=0.5, pauses=(0.05, 0.05))


class Receiver:
    """An HTTP server that remembers what it was sent, and answers as a test says."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.tried = 0
        self.answers: list[int] = []
        """Status of the next answers; 200 when there is none left."""
        self.silent = threading.Event()
        self.go_on = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.tried += 1
                if receiver.silent.is_set():
                    receiver.go_on.wait(10)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.told.append(json.loads(body))
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    def end(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.end()


@asynccontextmanager
async def notifying(urls: str | None, bus: MemoryBus) -> AsyncIterator[Notifying]:
    made = Notifying(bus, SecretStr(urls) if urls is not None else None, QUICK)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def asked(number: int = 1) -> ReviewRequested:
    return make(
        ReviewRequested,
        event_id=f"event-{number}",
        review_id=f"{number:08}-review",
        question="Roll Deployment checkout back?",
        reason="Namespace shop is in propose mode.",
        component=CHECKOUT,
        proposal=request(),
        basis=Basis(uid="u", digest="d"),
    )


async def test_a_question_is_told_with_the_command_to_answer(receiver: Receiver) -> None:
    async with notifying(receiver.url, MemoryBus()) as made:
        await made.publish(asked())
        await until(lambda: bool(receiver.told), 20)
    (told,) = receiver.told
    assert "Roll Deployment checkout back?" in told["title"]
    assert "in propose mode" in told["message"]
    assert "ooda review approve 00000001, or: ooda review reject 00000001" in told["message"]


async def test_what_fails_is_tried_again_a_few_times(receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    async with notifying(receiver.url, MemoryBus()) as made:
        await made.publish(asked())
        await until(lambda: bool(receiver.told), 20)
        receiver.answers = [500, 500, 500]
        await made.publish(asked(2))
        await made.publish(asked(3))
        await until(lambda: len(receiver.told) == 2, 20)
    assert receiver.tried == 3 + 3 + 1
    assert "00000003" in receiver.told[1]["message"]


async def test_nothing_of_it_holds_the_loop_up(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """One address hangs, one is away, one is none; the last one is told all the same."""
    caplog.set_level(logging.DEBUG)
    hanging = Receiver()
    hanging.silent.set()
    urls = f"{hanging.url} json://127.0.0.1:{free_port()}/{TOKEN} nonsense://{TOKEN} {receiver.url}"
    bus = MemoryBus()
    try:
        async with notifying(urls, bus) as made:
            async with asyncio.timeout(2):
                for number in range(200):
                    await made.publish(asked(number))
            assert len(bus.published) == 200
            await until(lambda: len(receiver.told) >= 2, 30)
    finally:
        hanging.end()
    said = capfd.readouterr()
    assert "no address that Apprise knows" in said.out
    assert "people could not be told" in said.out
    assert TOKEN not in said.out + said.err + caplog.text


async def test_without_an_address_nobody_is_told_and_it_goes_on() -> None:
    bus = MemoryBus()
    async with notifying(None, bus) as made:
        await made.publish(asked())
    assert len(bus.published) == 1


def test_the_addresses_are_a_secret_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODA_NOTIFY_URLS", f"slack://{TOKEN}")
    assert TOKEN not in repr(DeciderSettings())
