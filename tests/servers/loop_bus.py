"""A NATS server with the product's own accounts and permissions, declared by its own bootstrap."""

import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.aio.client import Client
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from ooda.common.bus.bootstrap import bootstrap
from ooda.common.bus.nats_bus import Member, NatsBus, Telemetry
from ooda.common.bus.server_config import password_variables, render_accounts, render_passwords
from ooda.common.clock import SystemClock
from ooda.common.settings import NatsSettings
from ooda.common.topology import Account, Service, inbox_prefix, user_name
from servers.nats import SERVER
from servers.processes import accepts_connections, free_port, wait_until

PEOPLE = ("alice", "bob")
CLUSTER_ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SERVER_CONFIG = """\
port: {port}
host: 127.0.0.1
jetstream {{ store_dir: {store}, max_file_store: 900MB, max_memory_store: 32MB }}
include ./accounts.conf
"""


class LoopBus:
    """The server, which can be killed and started again, and its users."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.passwords = {name: f"test-{name.lower()}" for name in password_variables(PEOPLE)}
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "accounts.conf").write_text(render_accounts(PEOPLE))
        (directory / "passwords.conf").write_text(render_passwords(self.passwords))
        config = SERVER_CONFIG.format(port=self.port, store=directory / "data")
        (directory / "nats.conf").write_text(config)

    def start(self) -> None:
        log = (self.directory / "nats.log").open("ab")
        self._process = subprocess.Popen(
            [str(SERVER), "--config", str(self.directory / "nats.conf")], stderr=log
        )
        log.close()
        wait_until(lambda: accepts_connections(self.port), "nats-server")

    def kill(self) -> None:
        """End it as a lost node does: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=15)
            self._process = None

    def settings(self, service: Service) -> NatsSettings:
        password = self.passwords[f"{service.upper()}_PASSWORD"]
        return NatsSettings.model_validate({"url": self.url, "password": password})

    async def declare(self) -> None:
        await bootstrap(self.settings(Service.BOOTSTRAP), deadline=20)

    def bus(
        self,
        service: Service,
        account: Account = Account.LOOP,
        tracers: TracerProvider | None = None,
    ) -> NatsBus:
        return NatsBus(
            self.settings(service),
            Member(service, account, CLUSTER_ID),
            SystemClock(),
            Telemetry(tracers or TracerProvider(), CollectorRegistry()),
        )

    @asynccontextmanager
    async def running(
        self,
        service: Service,
        account: Account = Account.LOOP,
        register: Callable[[NatsBus], None] = lambda _: None,
    ) -> AsyncIterator[NatsBus]:
        """Yield a bus that is started after ``register`` was given it."""
        bus = self.bus(service, account)
        await bus.connect()
        try:
            register(bus)
            await bus.start()
            yield bus
        finally:
            await bus.close()

    @asynccontextmanager
    async def client(
        self, service: Service, account: Account = Account.LOOP
    ) -> AsyncIterator[tuple[Client, list[str]]]:
        """Yield a plain client with a service's rights, and what the server refused it."""
        password = self.passwords[f"{service.upper()}_PASSWORD"]
        async with self.client_of(user_name(service, account), password) as made:
            yield made

    @asynccontextmanager
    async def client_of(self, user: str, password: str) -> AsyncIterator[tuple[Client, list[str]]]:
        refused: list[str] = []

        async def remember(error: Exception) -> None:
            refused.append(str(error))

        client = await nats.connect(
            self.url,
            user=user,
            password=password,
            inbox_prefix=inbox_prefix(user).encode(),
            error_cb=remember,
        )
        try:
            yield client, refused
        finally:
            with contextlib.suppress(nats.errors.Error):
                await client.close()


@asynccontextmanager
async def loop_bus(directory: Path) -> AsyncIterator[LoopBus]:
    """Yield a server on which everything is declared."""
    server = LoopBus(directory)
    server.start()
    try:
        await server.declare()
        yield server
    finally:
        server.stop()
