"""The life of a service, as a process of its own: how it starts, answers, and ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from factories.events import make
from ooda.common.events import AnomalyFlagged, derive_id
from ooda.common.topology import Service
from servers.lease_server import UID, LeaseServer, lease_server
from servers.loop_bus import LoopBus, loop_bus
from servers.processes import free_port
from servers.waiting import until


@dataclass
class Process:
    process: asyncio.subprocess.Process
    journal: Path
    log: Path
    port: int

    def lines(self) -> list[str]:
        return self.journal.read_text().split("\n")[:-1] if self.journal.exists() else []

    def logged(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def get(self, path: str) -> int:
        async with httpx.AsyncClient(verify=False) as kubelet:  # noqa: S501 - no TLS here at all
            try:
                return (await kubelet.get(f"http://127.0.0.1:{self.port}{path}")).status_code
            except httpx.TransportError:
                return 0

    async def ready(self) -> bool:
        return await self.get("/readyz") == 200

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(45):
            return await self.process.wait()


class Processes:
    """Starts services."""

    def __init__(self, bus: LoopBus, cluster: LeaseServer, directory: Path) -> None:
        self.bus, self.cluster, self.directory = bus, cluster, directory
        self.started: list[Process] = []

    async def start(self, **variables: str) -> Process:
        port, number = free_port(), len(self.started)
        journal, log = self.directory / f"journal-{number}", self.directory / f"log-{number}"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OODA_CONFIG": str(self._config()),
            "OODA_NATS__URL": self.bus.url,
            "OODA_NATS__PASSWORD": self.bus.passwords["ACTOR_PASSWORD"],
            "OODA_CLUSTER__KUBECONFIG": str(
                self.cluster.write_kubeconfig(self.directory / "kubeconfig")
            ),
            "OODA_HEALTH_PORT": str(port),
            "OODA_IDENTITY": f"actor-{number}",
            "TEST_JOURNAL": str(journal),
            **variables,
        }
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m",
                "servers.small_service", env=environment,
                stdout=output, stderr=output,
            )  # fmt: skip
        self.started.append(Process(process, journal, log, port))
        return self.started[-1]

    def _config(self) -> Path:
        path = self.directory / "config.toml"
        path.touch(mode=0o600)
        return path


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    async with loop_bus(tmp_path) as bus, lease_server() as cluster:
        made = Processes(bus, cluster, tmp_path)
        yield made
        for each in made.started:
            if each.process.returncode is None:
                each.process.kill()
                await each.process.wait()


async def flag(bus: LoopBus, *numbers: int) -> None:
    async with bus.running(Service.OBSERVER) as observer:
        for number in numbers:
            await observer.publish(make(AnomalyFlagged, event_id=derive_id("flag", number)))


async def test_it_works_answers_and_stops(processes: Processes) -> None:
    service = await processes.start()
    await until(service.ready, 40)
    assert service.lines() == [f"composed {UID}"]
    await flag(processes.bus, 1)
    await until(lambda: "end 1" in service.lines())
    assert (await service.get("/livez"), await service.get("/metrics")) == (200, 200)
    assert await service.get("/nothing") == 404

    async with processes.bus.client(Service.CLI) as (client, _):
        status = json.loads((await client.request("status.actor", timeout=5)).data)
        replayed = await client.request(
            "replay.actor", b'{"stream": "LOOP", "sequence": 1}', timeout=5
        )
        other = await client.request(
            "replay.actor", b'{"stream": "FAULTS", "sequence": 1}', timeout=5
        )
    assert (status["service"], status["identity"]) == ("actor", "actor-0")
    assert (status["ready"], status["connected"]) == (True, True)
    assert status["consumers"] == {"LOOP/actor": {"pending": 0, "in_hand": 0}}
    assert status["details"] == {"journal": "written"}
    assert json.loads(replayed.data) == {"error": None}
    assert json.loads(other.data) == {"error": "actor consumes nothing of stream FAULTS"}
    assert service.lines()[1:] == ["begin 1", "end 1"] * 2

    assert await service.stop() == 0
    running = [each for each in service.logged() if each["event"] == "running"]
    assert running[0]["service"] == "actor"
    assert running[0]["cluster_id"] == UID
    assert all(each["level"] and each["time"] for each in service.logged())


async def test_whatever_the_library_says_is_json_and_worth_reading(processes: Processes) -> None:
    """Batches have a subscriber of another kind, with tasks of its own; so has a failure."""
    service = await processes.start(TEST_BATCH="yes")
    await until(service.ready, 40)
    async with processes.bus.client(Service.OBSERVER) as (raw, _):
        await raw.jetstream().publish("anomaly.flagged", b"nonsense")
    await flag(processes.bus, 1)
    await until(lambda: any("end" in line for line in service.lines()))
    processes.bus.kill()
    await until(lambda: "NATS is away" in service.log.read_text())
    processes.bus.start()
    await until(service.ready, 40)
    assert await service.stop() == 0
    said = [each["event"] for each in service.logged()]
    assert not any("callback for" in each for each in said), said
    assert "\x1b" not in service.log.read_text()
    assert '"locals"' not in service.log.read_text()


async def test_the_handler_in_hand_finishes_when_it_is_told_to_stop(processes: Processes) -> None:
    service = await processes.start(TEST_WORK="1")
    await flag(processes.bus, 1, 2)
    await until(lambda: "begin 1" in service.lines(), 40)
    assert await service.stop() == 0
    assert service.lines()[1:] == ["begin 1", "end 1"]
    other = await processes.start()
    await until(lambda: "end 2" in other.lines(), 40)
    assert other.lines()[1:] == ["begin 2", "end 2"]


@pytest.mark.parametrize(("how", "said"), [("raise", "a task failed"), ("return", "TaskEnded")])
async def test_a_task_that_ends_ends_the_service(processes: Processes, how: str, said: str) -> None:
    service = await processes.start(TEST_FAIL=how)
    assert await service.ended() == 1
    assert "cannot go on" in service.log.read_text()
    assert said in service.log.read_text()


async def test_an_app_that_is_not_ready_is_alive(processes: Processes) -> None:
    service = await processes.start(TEST_FAIL="ready")
    await until(lambda: bool(service.lines()), 40)
    await until(lambda: "running" in service.log.read_text())
    assert (await service.get("/livez"), await service.get("/readyz")) == (200, 500)


async def test_without_nats_it_is_alive_and_not_ready_until_it_is_back(
    processes: Processes,
) -> None:
    service = await processes.start()
    await until(service.ready, 40)
    # A standby is ready too, and one that is only beginning ends when NATS is gone.
    await until(lambda: "running" in service.log.read_text())
    processes.bus.kill()

    async def away() -> bool:
        return await service.get("/readyz") == 500

    await until(away, 40)
    assert await service.get("/livez") == 200
    processes.bus.start()
    await until(service.ready, 40)
    await flag(processes.bus, 1)
    await until(lambda: "end 1" in service.lines())


async def test_it_can_be_stopped_while_nats_is_away(processes: Processes) -> None:
    service = await processes.start()
    await until(service.ready, 40)
    processes.bus.kill()
    assert await service.stop() == 0


@pytest.mark.parametrize("missing", ["nats", "cluster"])
async def test_it_waits_for_what_is_away_and_can_be_stopped_meanwhile(
    processes: Processes, missing: str
) -> None:
    if missing == "nats":
        processes.bus.stop()
    processes.cluster.away = missing == "cluster"
    service = await processes.start()

    async def alive() -> bool:
        return await service.get("/livez") == 200

    await until(alive, 40)
    assert await service.get("/readyz") == 500
    assert await service.stop() == 0
    assert service.lines() == []


async def test_a_lost_consumer_ends_the_service(processes: Processes) -> None:
    service = await processes.start()
    await until(service.ready, 40)
    await until(lambda: "running" in service.log.read_text())
    async with processes.bus.client(Service.BOOTSTRAP) as (client, _):
        await client.jetstream().delete_consumer("LOOP", "actor")
    assert await service.ended() == 1
    assert "run the bootstrap again" in service.log.read_text()


async def test_a_standby_is_ready_and_takes_over(processes: Processes) -> None:
    active = await processes.start(TEST_LEASE="yes")
    await until(lambda: bool(active.lines()), 40)
    assert processes.cluster.holder("ooda-actor") == "actor-0"
    standby = await processes.start(TEST_LEASE="yes")
    await until(standby.ready, 40)
    assert standby.lines() == []
    assert await active.stop() == 0
    await until(lambda: bool(standby.lines()), 40)
    assert processes.cluster.holder("ooda-actor") == "actor-1"


async def test_without_the_lease_it_ends_at_once_whatever_is_in_hand(processes: Processes) -> None:
    service = await processes.start(TEST_LEASE="yes", TEST_WORK="40")
    await until(lambda: bool(service.lines()), 40)
    await flag(processes.bus, 1)
    await until(lambda: "begin 1" in service.lines(), 40)
    processes.cluster.take("ooda-actor", "somebody-else")
    async with asyncio.timeout(20):  # ten without a renewal, and the process itself
        assert await service.process.wait() == 1
    assert "end 1" not in service.lines()
    assert "the lease is lost" in service.log.read_text()


async def test_without_settings_it_says_what_is_missing(processes: Processes) -> None:
    service = await processes.start(OODA_NATS__URL="http://nats:4222")
    assert await service.ended() == 1
    assert [each["event"] for each in service.logged()] == ["cannot start"]
    assert "OODA_NATS__URL" in service.logged()[0]["reason"]
