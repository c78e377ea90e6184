"""The whole loop as processes: five services on a real API server, NATS and Postgres.

Each has its own account with the rights that it is deployed with, and the policies are in force.

Each service reaches NATS and the API server by a proxy of its own, so that a test can kill it just
before a request leaves it, or just after the answer came back (``servers.wire``).
"""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ooda.common.topology import LOOP_SERVICES, Service
from servers.agent_rights import NAMESPACE, token_of
from servers.control_plane import ControlPlane
from servers.loop_bus import LoopBus
from servers.processes import free_port
from servers.trail import ROLE_PASSWORD, Database
from servers.waiting import until
from servers.wire import Died, Moment, Sight, api_wire, nats_wire

_READY = 40.0  # seconds
_OF_ITS_OWN: Mapping[Service, Mapping[str, str]] = {
    Service.OBSERVER: {"OODA_SETTLE_SECONDS": "1", "OODA_SNAPSHOT_SECONDS": "1"},
    Service.ACTOR: {"OODA_NODE_NAME": "node-of-the-agent"},
    Service.DECIDER: {
        "OODA_HOLD_SECONDS": "1",
        "OODA_COOL_DOWN": "0",
        "OODA_ACTIONS_PER_NAMESPACE": "1000",
        "OODA_ACTIONS_IN_TOTAL": "1000",
        "OODA_STORM_INCIDENTS": "1000",
    },
}
"""Many incidents within minutes, and none to be waited for."""


@dataclass
class Kill:
    """Where a service is to be killed: the n-th time that it sends what contains all words."""

    service: Service
    words: tuple[str, ...]
    moment: Moment
    left: int
    done: asyncio.Event

    def strikes(self, sight: Sight) -> bool:
        """Say whether this is the moment, counting."""
        seen = f"{sight.what}?{sight.query}"
        wrong = (
            word[1:] in seen if word.startswith("!") else word not in seen for word in self.words
        )
        if sight.moment != self.moment or any(wrong):
            return False
        self.left -= 1
        return self.left == 0


class LoopProcess:
    """One service as a process that can be killed and started again."""

    def __init__(self, service: Service, environment: dict[str, str], log: Path) -> None:
        self.service = service
        self.port = int(environment["OODA_HEALTH_PORT"])
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is ready later."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"ooda.{self.service}"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as a lost node does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Tell it to stop."""
        self._end(signal.SIGTERM)

    def ended(self) -> bool:
        """Say whether it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    def ready(self) -> bool:
        """Say whether it is."""
        return self._answers("readyz")

    def alive(self) -> bool:
        """Say whether it answers, be it that it only stands by."""
        return self._answers("livez")

    def twin(self) -> "LoopProcess":
        """Return another replica of the service, not started."""
        own = {"OODA_IDENTITY": f"{self.service}-twin", "OODA_HEALTH_PORT": str(free_port())}
        log = self._log.with_stem(f"{self._log.stem}-twin")
        return LoopProcess(self.service, self._environment | own, log)

    def _answers(self, page: str) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError(f"{self.service} ended:\n{self.tail()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{page}", timeout=1) as told:
                return bool(told.status == 200)
        except OSError:
            return False

    def processor_seconds(self) -> float:
        """Return how much processor time it has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self) -> str:
        """Return the end of its log."""
        return self._log.read_text()[-4000:]

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)


class Loop:
    """The five services."""

    def __init__(self, processes: dict[Service, LoopProcess]) -> None:
        self.processes = processes
        self._kills: list[Kill] = []

    def watch(self, service: Service) -> Callable[[Sight], None]:
        """Return what is called with everything that a service sends."""

        def look(sight: Sight) -> None:
            for kill in self._kills:
                if kill.service is service and not kill.done.is_set() and kill.strikes(sight):
                    self.processes[service].kill()
                    kill.done.set()
                    raise Died

        return look

    def kill_at(self, service: Service, what: str, moment: Moment, nth: int = 1) -> Kill:
        """Have a service killed when it sends this: words that are there, or with ``!`` are not."""
        kill = Kill(service, tuple(what.split()), moment, nth, asyncio.Event())
        self._kills = [each for each in self._kills if not each.done.is_set()] + [kill]
        return kill

    async def start(self, services: Sequence[Service] = LOOP_SERVICES) -> None:
        """Start services and wait until they are ready."""
        for service in services:
            self.processes[service].start()
        for service in services:
            await self.ready(service)

    async def ready(self, service: Service) -> None:
        """Wait until a service is ready."""
        process = self.processes[service]
        await until(lambda: asyncio.to_thread(process.ready), _READY)

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[None]:
        """Start again what ends by itself, as the kubelet does, for as long as the block lasts."""

        async def watch() -> None:
            while True:
                for process in self.processes.values():
                    if process.ended():
                        process.start()
                await asyncio.sleep(0.5)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()

    @asynccontextmanager
    async def doubled(self) -> AsyncIterator[None]:
        """Have a second replica of each service stand by, for as long as the block lasts.

        Those of the first that were killed meanwhile are started again at its end.
        """
        twins = [each.twin() for each in self.processes.values()]
        try:
            for twin in twins:
                twin.start()
            for twin in twins:
                await until(partial(asyncio.to_thread, twin.alive), _READY)
            yield
            for process in self.processes.values():
                if process.ended():
                    process.start()
                await until(partial(asyncio.to_thread, process.alive), _READY)
        finally:
            for twin in twins:
                await asyncio.to_thread(twin.stop)
        for service in self.processes:
            await self.ready(service)

    def stop(self) -> None:
        """End all of them."""
        late = []
        for service, process in self.processes.items():
            try:
                process.stop()
            except subprocess.TimeoutExpired:
                process.kill()
                late.append(service)
        assert not late, f"did not end when they were told to: {late}"


@asynccontextmanager
async def loop(
    directory: Path, plane: ControlPlane, bus: LoopBus, database: Database
) -> AsyncIterator[Loop]:
    """Yield the loop, not started; the servers are there and everything on them is declared."""
    (directory / "config.toml").touch(mode=0o600)
    made = Loop({})
    async with AsyncExitStack() as stack:
        for service in LOOP_SERVICES:
            nats = await stack.enter_async_context(nats_wire(bus.url, made.watch(service)))
            api = await stack.enter_async_context(
                api_wire(plane.url, plane.trust, made.watch(service))
            )
            kubeconfig = plane.kubeconfig(
                f"{directory.name}-{service}", token_of(plane, service), server=api
            )
            environment = _inherited() | {
                "OODA_CONFIG": str(directory / "config.toml"),
                "OODA_NAMESPACE": NAMESPACE,
                "OODA_IDENTITY": f"{service}-of-a-test",
                "OODA_HEALTH_PORT": str(free_port()),
                "OODA_NATS__URL": nats,
                "OODA_NATS__PASSWORD": bus.passwords[f"{service.upper()}_PASSWORD"],
                "OODA_CLUSTER__KUBECONFIG": str(kubeconfig),
            }
            environment |= _OF_ITS_OWN.get(service, {})
            if service is Service.RECORDER:
                environment |= {
                    "OODA_POSTGRES__URL": str(database.settings().url),
                    "OODA_POSTGRES__USER": "recorder",
                    "OODA_POSTGRES__PASSWORD": ROLE_PASSWORD,
                }
            log = directory / f"{service}.log"
            made.processes[service] = LoopProcess(service, environment, log)
        try:
            yield made
        finally:
            await asyncio.to_thread(made.stop)


def _inherited() -> dict[str, str]:
    """Return what a process needs of ours, and nothing that says where servers are."""
    return {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "HOME") if key in os.environ}
