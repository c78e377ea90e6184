"""The life of a service: connect, hold the Lease, compose, run, and end as it should.

end                                 exit code
SIGTERM, SIGINT                     0, after the handlers in hand have finished
a task ended, a consumer is lost    1, the same; the kubelet starts it again
the Lease is lost                   1, at once: another replica may be at work already
"""

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import structlog

from ooda.common.bus.nats_bus import Member, NatsBus, Telemetry
from ooda.common.bus.replaying import ReplayError, answer_replay
from ooda.common.clock import Clock, SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.leases import LeaseHolder
from ooda.common.config_file import ConfigError
from ooda.common.service.app import (
    App,
    BatchConsumption,
    Compose,
    Consumption,
    Context,
    ServiceSettings,
)
from ooda.common.service.health import HealthPage, serving
from ooda.common.service.supervision import until_one_ends
from ooda.common.service.telemetry import log_as_json, metrics_registry, tracer_provider
from ooda.common.settings import NatsSettings
from ooda.common.topology import REPLAY_SUBJECT, STATUS_SUBJECT, Account, Service, user_name, users

log = structlog.get_logger()

ANEW_SECONDS = 2.0
"""Pause before the API server is asked again while it is away."""


def run_service(
    service: Service,
    settings_class: type[ServiceSettings],
    compose: Compose,
    *,
    lease: bool,
) -> int:
    """Run a service until it is told to stop or cannot go on; return the exit code."""
    try:
        settings = settings_class.load()
    except ConfigError as error:
        log_as_json("info", str(service))
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - the sentence is the whole story
        return 1
    log_as_json(settings.log_level, str(service))
    if settings.nats is None:
        log.error("cannot start", reason="set OODA_NATS__URL and OODA_NATS__PASSWORD")
        return 1
    life = _Life(service, settings, settings.nats, compose, lease=lease)
    return asyncio.run(_until_told(life))


def version_of(service: Service) -> str:
    """Return the version of the service's package."""
    try:
        return version(f"ooda-{service}")
    except PackageNotFoundError:
        return version("ooda-common")


async def _until_told(life: "_Life") -> int:
    running = asyncio.create_task(life.run())

    def stop(name: str) -> None:
        log.info("told to stop", signal=name)
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)  # the next one kills
        running.cancel()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop, each.name)
    try:
        await running
    except asyncio.CancelledError:
        log.info("stopped")
        return 0
    except Exception:
        log.exception("cannot go on")
    return 1


class _Life:
    """One run of a service, with what is known of it while it runs."""

    def __init__(
        self,
        service: Service,
        settings: ServiceSettings,
        nats: NatsSettings,
        compose: Compose,
        *,
        lease: bool,
    ) -> None:
        self._service = service
        self._settings = settings
        self._nats = nats
        self._compose = compose
        self._lease = lease
        self._clock: Clock = SystemClock()
        self._since = self._clock.now()
        self._tracers = tracer_provider(str(service), version_of(service))
        self._metrics = metrics_registry()
        self._buses: dict[Account, NatsBus] = {}
        self._app: App | None = None

    async def run(self) -> None:
        """Live. Raises what it cannot go on with; is cancelled when it is told to stop."""
        page = HealthPage(self._ready, self._metrics)
        async with (
            serving(page, self._settings.health_port),
            ApiServer.connect(self._settings.cluster) as api,
        ):
            cluster_id = await _cluster_id(api)
            self._buses = self._unconnected(cluster_id)
            try:
                await asyncio.gather(*(bus.connect() for bus in self._buses.values()))
                async with self._active(api):
                    try:
                        await self._work(api, cluster_id)
                    finally:
                        await self._close()  # before the Lease is given up
            finally:
                await self._close()
                await asyncio.to_thread(self._tracers.shutdown)

    @asynccontextmanager
    async def _active(self, api: ApiServer) -> AsyncIterator[None]:
        """Wait until we are the active replica, if there can be one only."""
        if not self._lease:
            yield
            return
        settings = self._settings
        name = f"ooda-{self._service}"
        holder = LeaseHolder(api, settings.namespace, name, settings.identity, self._clock)
        log.info("waiting for the lease", lease=name)
        await holder.acquire()
        log.info("active", lease=name)
        keeping = asyncio.create_task(holder.keep())
        keeping.add_done_callback(_end_at_once)
        try:
            yield
        finally:
            keeping.remove_done_callback(_end_at_once)
            keeping.cancel()
            await holder.release()

    async def _work(self, api: ApiServer, cluster_id: str) -> None:
        context = Context(
            settings=self._settings,
            cluster_id=cluster_id,
            clock=self._clock,
            bus=self._bus,
            api=api,
            tracer=self._tracers.get_tracer(f"ooda.{self._service}"),
            metrics=self._metrics,
        )
        app = await self._compose(context)
        for each in app.consumers:
            _register(self._buses[each.consumer.stream.account], each)
        for bus in self._buses.values():
            await bus.start()
        self._app = app
        home = self._buses[Account.LOOP]
        await home.answer(STATUS_SUBJECT.format(service=self._service), self._status)
        await home.answer(REPLAY_SUBJECT.format(service=self._service), self._replay)
        for subject, reply in app.answers.items():
            await home.answer(subject, reply)
        log.info("running", cluster_id=cluster_id, version=version_of(self._service))
        watches = [bus.watch for bus in self._buses.values()]
        await until_one_ends([*app.tasks, *watches], finish=self._finish)

    async def _finish(self) -> None:
        """Fetch no more and let the handlers in hand finish."""
        await asyncio.gather(*(bus.finish() for bus in self._buses.values()))

    async def _close(self) -> None:
        await asyncio.gather(*(bus.close() for bus in self._buses.values()))

    def _unconnected(self, cluster_id: str) -> dict[Account, NatsBus]:
        names = {user.name for user in users()}
        return {
            account: NatsBus(
                self._nats,
                Member(self._service, account, cluster_id),
                self._clock,
                Telemetry(self._tracers, self._metrics),
            )
            for account in Account
            if user_name(self._service, account) in names
        }

    def _bus(self, account: Account) -> NatsBus:
        if account not in self._buses:
            raise ValueError(f"{self._service} has no user in account {account}")
        return self._buses[account]

    def _connected(self) -> bool:
        return bool(self._buses) and all(bus.connected for bus in self._buses.values())

    def _ready(self) -> bool:
        """Say whether we could work; a standby is ready too, it could take over."""
        return self._connected() and (self._app is None or self._app.ready())

    async def _replay(self, body: bytes) -> bytes:
        async def find(stream: str, sequence: int) -> None:
            for bus in self._buses.values():
                if bus.consumes(stream):
                    await bus.replay(stream, sequence)
                    log.info("replayed", stream=stream, sequence=sequence)
                    return
            raise ReplayError(f"{self._service} consumes nothing of stream {stream}")

        return await answer_replay(body, find)

    async def _status(self, _: bytes) -> bytes:
        lags: dict[str, dict[str, int]] = {}
        for bus in self._buses.values():
            lags |= await bus.lags()
        return json.dumps(
            {
                "service": str(self._service),
                "version": version_of(self._service),
                "identity": self._settings.identity,
                "since": self._since.isoformat(),
                "ready": self._ready(),
                "connected": self._connected(),
                "consumers": lags,
                "details": dict(self._app.status()) if self._app else {},
            }
        ).encode()


def _register(bus: NatsBus, consumption: Consumption | BatchConsumption) -> None:
    match consumption:
        case Consumption(consumer, handler):
            bus.consume(consumer, handler)
        case BatchConsumption(consumer, handler, batch_size, max_wait):
            bus.consume_batches(consumer, handler, batch_size=batch_size, max_wait=max_wait)


def _end_at_once(keeping: asyncio.Task[None]) -> None:
    """End the process: what it would write from now on, another replica may write too."""
    log.error("the lease is lost", error=repr(keeping.exception()))
    logging.shutdown()
    os._exit(1)


async def _cluster_id(api: ApiServer) -> str:
    while True:
        try:
            return await api.identity()
        except Unavailable as error:
            log.warning("the API server is away", error=str(error))
            await asyncio.sleep(ANEW_SECONDS)
