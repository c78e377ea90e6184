"""What `ooda` hears and asks on the bus, and how it ends."""

import asyncio
import contextlib
import json
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from factories.events import CHECKOUT, NOW, make
from ooda.common import topology
from ooda.common.bus.interface import Delivery, PoisonError
from ooda.common.bus.nats_bus import NatsBus
from ooda.common.bus.replaying import answer_replay
from ooda.common.events import (
    AnomalyFlagged,
    DeadLetter,
    GraphEdge,
    TelemetrySnapshot,
    derive_id,
)
from ooda.common.topology import LOOP_SERVICES, Account, Service
from ooda.recorder.core.rows import row_of
from ooda.recorder.store import Store, recorder_engine
from servers.command_line import Ooda
from servers.loop_bus import LoopBus, loop_bus
from servers.processes import free_port
from servers.trail import Database, delivered
from servers.waiting import until

if TYPE_CHECKING:
    from subprocess import CompletedProcess, Popen

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "[blink]x[/blink] \x1b]52;c;cm0=\x07\x9b2J\u202e\nall is well"
INERT = r"[blink]x[/blink] \x1b]52;c;cm0=\x07\x9b2J\u202e\nall is well"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def on_bus(ooda: Ooda, bus: LoopBus) -> Ooda:
    return ooda.with_bus(bus)


class Talk:
    """Publishes the same things over and over, until somebody has heard them."""

    def __init__(self, bus: LoopBus, messages: Sequence[tuple[str, bytes]]) -> None:
        self.bus, self.messages = bus, messages

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        async with self.bus.client(Service.BOOTSTRAP) as (client, _):

            async def talk() -> None:
                while True:
                    for subject, body in self.messages:
                        await client.publish(subject, body)
                    await asyncio.sleep(0.2)

            talking = asyncio.create_task(talk())
            try:
                yield
            finally:
                talking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await talking


def flagged(**given: Any) -> tuple[str, bytes]:
    return "anomaly.flagged", make(AnomalyFlagged, **given).model_dump_json().encode()


async def run(ooda: Ooda, *arguments: str) -> "CompletedProcess[str]":
    return await asyncio.to_thread(ooda, *arguments)


async def run_alone(ooda: Ooda, *arguments: str) -> "CompletedProcess[str]":
    """Run it as people do: to leave off listening is the end of its process."""
    return await asyncio.to_thread(ooda.process, *arguments)


async def test_events_as_they_are_published(bus: LoopBus, on_bus: Ooda) -> None:
    async with Talk(bus, [flagged(summary=HOSTILE)]).going_on():
        done = await run_alone(on_bus, "events", "--count", "2")
        as_json = await run_alone(on_bus, "events", "--count", "1", "-o", "json")
    assert (done.returncode, done.stderr, as_json.returncode) == (0, "", 0)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(INERT in line and "anomaly.flagged" in line for line in lines)
    assert len(as_json.stdout.splitlines()) == 1
    assert json.loads(as_json.stdout)["summary"] == HOSTILE


async def test_only_the_subjects_that_were_asked_for(bus: LoopBus, on_bus: Ooda) -> None:
    snapshot = make(TelemetrySnapshot).model_dump_json().encode()
    async with Talk(bus, [flagged(), ("telemetry.snapshot", snapshot)]).going_on():
        done = await run_alone(on_bus, "events", "--subject", "telemetry.>", "--count", "2")
    assert all("telemetry.snapshot" in line for line in done.stdout.splitlines())


async def test_the_newest_graph_of_each_namespace(bus: LoopBus, on_bus: Ooda) -> None:
    edge = GraphEdge(relation="calls", source=CHECKOUT, sink=CHECKOUT)
    told = [
        ("telemetry.snapshot", each.model_dump_json().encode())
        for each in (
            make(TelemetrySnapshot, namespace="shop", graph=(edge,)),
            make(TelemetrySnapshot, namespace="other", graph=()),
        )
    ]
    async with Talk(bus, [("telemetry.snapshot", b"no json"), *told]).going_on():
        one = await run_alone(on_bus, "graph", "shop", "--wait", "20")
        every = await run_alone(on_bus, "graph", "--wait", "3", "-o", "json")
        none = await run_alone(on_bus, "graph", "nowhere", "--wait", "1")
    assert one.stdout.splitlines()[1].split(maxsplit=2)[:2] == ["shop", "calls"]
    assert "other" not in one.stdout
    assert [each["namespace"] for each in json.loads(every.stdout)] == ["other", "shop"]
    assert (none.returncode, none.stdout) == (1, "")
    assert "No snapshot was heard within 1 s" in none.stderr


async def test_what_cannot_be_read_is_said_and_the_rest_goes_on(bus: LoopBus, on_bus: Ooda) -> None:
    async with Talk(bus, [("anomaly.flagged", b"no json \x1b[2J"), flagged()]).going_on():
        done = await run_alone(on_bus, "events", "--count", "2")
        as_json = await run_alone(on_bus, "events", "--count", "2", "-o", "json")
    assert sum("cannot be read" in line for line in done.stdout.splitlines()) == 1
    told = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {"subject": "anomaly.flagged", "unreadable": "no json \x1b[2J"} in told


async def test_subjects_of_different_accounts(on_bus: Ooda) -> None:
    done = await run_alone(on_bus, "events", "--subject", "fault.>", "--subject", "anomaly.>")
    assert (done.returncode, "different accounts" in done.stderr) == (2, True)


@pytest.mark.parametrize("subject", ["$JS.API.>", "_INBOX_actor.>", ">", "status.actor"])
async def test_what_it_may_not_hear(on_bus: Ooda, subject: str) -> None:
    done = await run_alone(on_bus, "events", "--subject", subject, "--count", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: ")


async def test_another_account_is_heard_in_its_own(bus: LoopBus, on_bus: Ooda) -> None:
    async def talk() -> None:
        password = bus.passwords["PERSON_ALICE_PASSWORD"]
        async with bus.client_of("alice", password) as (alice, _):
            while True:
                await alice.publish("review.answered.alice", b"no")
                await asyncio.sleep(0.2)

    talking = asyncio.create_task(talk())
    done = await run_alone(on_bus, "events", "--subject", "review.answered.>", "--count", "1")
    talking.cancel()
    assert (done.returncode, "review.answered.alice" in done.stdout) == (0, True)


async def ended(process: "Popen[str]") -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=30)
    return process.returncode, out, err


async def first_line(process: "Popen[str]") -> str:
    assert process.stdout is not None
    return await asyncio.to_thread(process.stdout.readline)


@pytest.mark.parametrize("command", ["watch", "events"])
async def test_an_interrupt_ends_it_without_a_traceback(
    bus: LoopBus, on_bus: Ooda, command: str
) -> None:
    async with Talk(bus, [flagged()]).going_on():
        process = on_bus.start(command)
        assert await first_line(process)
        process.send_signal(signal.SIGINT)
        status, _, err = await ended(process)
    assert (status, err.strip()) == (130, "")


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("command", ["watch", "events"])
async def test_a_pipe_that_is_closed_ends_it_without_a_traceback(
    bus: LoopBus, on_bus: Ooda, command: str, output: str
) -> None:
    async with Talk(bus, [flagged()]).going_on():
        process = on_bus.start(command, "-o", output)
        assert await first_line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = await asyncio.to_thread(process.stderr.read)
        await asyncio.to_thread(process.wait, 30)
        process.stderr.close()
    assert err == ""


async def test_watch_follows_one_namespace(bus: LoopBus, on_bus: Ooda) -> None:
    here, there = flagged(summary="here"), flagged(namespace="elsewhere", summary="there")
    bad = ("anomaly.flagged", b"no json")
    async with Talk(bus, [there, bad, here]).going_on():
        process = on_bus.start("watch", "-n", str(make(AnomalyFlagged).namespace), "-o", "json")
        told = [json.loads(await first_line(process)) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        status, _, err = await ended(process)
    assert {each["summary"] for each in told} == {"here"}
    assert (status, "cannot be read" in err) == (130, True)


async def test_nats_that_goes_away_is_said(ooda: Ooda, tmp_path: Path) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    async with loop_bus(directory) as own:
        process = ooda.with_bus(own).start("watch")
        async with Talk(own, [flagged()]).going_on():
            await first_line(process)
            await first_line(process)
        own.kill()
        status, _, err = await ended(process)
    assert (status, err.count("\n")) == (3, 1)


@pytest.mark.parametrize("command", ["events", "watch", "status"])
async def test_without_nats(ooda: Ooda, command: str) -> None:
    ooda.environment["OODA_NATS__URL"] = f"nats://127.0.0.1:{free_port()}"
    done = await run(ooda, command)
    assert (done.returncode, "Nothing" in done.stdout) == (3, False)
    assert "Nothing listens at" in done.stderr


@pytest.mark.parametrize("command", ["events", "watch", "status"])
async def test_with_a_wrong_password_or_nothing_configured(
    ooda: Ooda, bus: LoopBus, command: str
) -> None:
    done = await run(ooda, command)
    assert (done.returncode, "make platform" in done.stderr) == (2, True)
    ooda.with_bus(bus).environment["OODA_NATS__PASSWORD"] = "wrong-and-never-printed"
    done = await run(ooda, command)
    assert (done.returncode, "refuses user cli" in done.stderr) == (3, True)
    assert "never-printed" not in done.stderr


@asynccontextmanager
async def answering(bus: LoopBus, *services: Service, ready: bool = True) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for service in services:
            client, _ = await stack.enter_async_context(bus.client(service))

            async def answer(request: Msg, service: Service = service) -> None:
                told = {
                    "service": service,
                    "since": NOW.isoformat(),
                    "ready": ready,
                    "consumers": {"LOOP/x": {"pending": 2, "in_hand": 1}},
                    "details": {"what": HOSTILE},
                }
                await request.respond(json.dumps(told).encode())

            await client.subscribe(f"status.{service}", cb=answer)
            await client.flush()
        yield


async def test_status_when_all_is_well(bus: LoopBus, on_bus: Ooda, audit: Database) -> None:
    on_bus.with_audit(audit)
    async with answering(bus, *LOOP_SERVICES):
        done = await run(on_bus, "status")
        as_json = await run(on_bus, "status", "-o", "json")
        on_bus.environment["COLUMNS"] = "80"
        narrow = await run(on_bus, "status")
    assert (done.returncode, as_json.returncode, narrow.returncode) == (0, 0, 0)
    assert done.stdout.count(INERT) == len(LOOP_SERVICES)
    rows = done.stdout.splitlines()[1:6]
    assert [line.split()[:5] for line in rows] == [
        [service, "ready", f"{NOW:%m-%d}", f"{NOW:%H:%M}", "3"] for service in LOOP_SERVICES
    ]
    assert "Open incidents: 0. Questions that wait for a person: 0." in done.stdout
    told = json.loads(as_json.stdout)
    assert (told["ok"], told["open"]) == (True, {"incidents": 0, "reviews": 0})
    assert told["services"]["actor"]["details"] == {"what": HOSTILE}
    assert max(map(len, narrow.stdout.splitlines()[:6])) <= 80
    assert len(narrow.stdout.splitlines()[0:6]) == 6
    assert narrow.stdout.splitlines()[5].startswith("recorder")


async def test_status_when_one_does_not_answer_or_is_not_ready(bus: LoopBus, on_bus: Ooda) -> None:
    async with answering(bus, *LOOP_SERVICES[:3]), answering(bus, Service.ACTOR, ready=False):
        done = await run(on_bus, "status", "--wait", "0.5")
        as_json = await run(on_bus, "status", "--wait", "0.5", "-o", "json")
    assert (done.returncode, as_json.returncode) == (1, 1)
    assert "actor     not ready" in done.stdout
    assert "recorder  no answer" in done.stdout
    assert "What is open is not known: [postgres] is not configured." in done.stdout
    assert "Whether it was stopped is not known" in done.stdout
    told = json.loads(as_json.stdout)
    assert (told["ok"], told["open"], "recorder" in told["services"]) == (False, None, False)


async def test_status_without_postgres(bus: LoopBus, on_bus: Ooda) -> None:
    on_bus.environment["OODA_POSTGRES__URL"] = f"postgresql://127.0.0.1:{free_port()}/audit"
    async with answering(bus, *LOOP_SERVICES):
        done = await run(on_bus, "status")
    assert (done.returncode, "What is open is not known: Postgres at" in done.stdout) == (0, True)


class Mended:
    """A handler with a bug, until it is mended."""

    def __init__(self) -> None:
        self.mended = threading.Event()
        self.handled: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        if not self.mended.is_set():
            raise PoisonError(HOSTILE)
        self.handled.append(delivery)


async def test_a_dead_letter_is_replayed_by_its_service(
    ooda: Ooda, audit: Database, tmp_path: Path
) -> None:
    handler = Mended()
    directory = tmp_path / "own"
    directory.mkdir()
    async with loop_bus(directory) as own:
        ooda.with_bus(own).with_audit(audit)
        letter = make(
            DeadLetter, event_id=derive_id("letter", 1), service="actor", stream="LOOP", sequence=1
        )
        foreign = letter.model_copy(update={"event_id": "9-foreign", "service": "somebody"})
        engine = recorder_engine(audit.url("recorder"))
        rows = [
            row_of(delivered(each, n), Account.LOOP, NOW)
            for n, each in enumerate((letter, foreign), 1)
        ]
        await Store(engine).append(rows)
        await engine.dispose()
        replay = ("dead-letter", "replay", letter.event_id[:8], "--since", "2000-01-01")
        away = await run_alone(ooda, *replay)
        assert (away.returncode, "actor is not there" in away.stderr) == (3, True)

        def register(bus: NatsBus) -> None:
            bus.consume(topology.ACTOR, handler)

        async with (
            own.running(Service.OBSERVER) as observer,
            own.running(Service.ACTOR, register=register) as actor,
        ):
            await actor.answer("replay.actor", lambda body: answer_replay(body, actor.replay))
            await observer.publish(make(AnomalyFlagged))
            failed = await run_alone(ooda, *replay)
            assert (failed.returncode, failed.stderr) == (1, "")
            assert f"actor has not handled LOOP/1: PoisonError: {INERT}" in failed.stdout
            handler.mended.set()
            done = await run_alone(ooda, *replay)
            as_json = await run_alone(ooda, *replay, "-o", "json")
            await until(lambda: len(handler.handled) == 2)
        assert (done.returncode, done.stderr) == (0, "")
        assert "actor has handled" in done.stdout
        assert json.loads(as_json.stdout)["done"] is True
        stranger = await run(ooda, "dead-letter", "replay", "9-foreign", "--since", "2000-01-01")
        assert (stranger.returncode, "no such service" in stranger.stderr) == (1, True)
