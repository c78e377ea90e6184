"""One account of the bus, over NATS JetStream by FastStream.

The traps of both are closed here, once: never a publish without confirmation, streams and
consumers are bound to and never declared, an inbox of our own, reconnecting for ever, refusals
logged, a consumer that disappeared is noticed.
"""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.prometheus import NatsPrometheusMiddleware
from faststream.security import SASLPlaintext
from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo, Header
from nats.js.client import JetStreamContext
from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from ooda.common import topology
from ooda.common.bus import tracing
from ooda.common.bus.asking import REQUEST_TIMEOUT, patiently, store
from ooda.common.bus.batches import BatchPull, Subscription
from ooda.common.bus.dead_letters import Dead, dead_letter
from ooda.common.bus.delivering import Courier
from ooda.common.bus.history import read_since
from ooda.common.bus.interface import (
    BatchHandler,
    BusUnavailableError,
    Delivery,
    Handler,
    Record,
)
from ooda.common.bus.nats_bucket import NatsBucket
from ooda.common.bus.replaying import Replayable, replay
from ooda.common.bus.subjects import stream_of
from ooda.common.clock import Clock
from ooda.common.events import Event
from ooda.common.settings import NatsSettings

if TYPE_CHECKING:
    from nats.aio.client import Client

log = structlog.get_logger()

FETCH_SECONDS = 5.0
GRACE_SECONDS = 20.0
"""How long a handler in hand may take when we are told to stop; the kubelet allows 30 s."""
WATCH_SECONDS = 10.0
"""How often a consumer is looked at."""


class ConsumerLostError(Exception):
    """A consumer or its stream is not there any more; only the bootstrap can make it again."""


@dataclass(frozen=True, slots=True)
class Member:
    """Who we are on the bus: a user of one account, and what events of ours carry."""

    service: topology.Service
    account: topology.Account
    cluster_id: str

    @property
    def user(self) -> str:
        """Return our user."""
        return topology.user_name(self.service, self.account)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where traces and metrics go."""

    tracers: TracerProvider
    metrics: CollectorRegistry


@dataclass(slots=True)
class _State:
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    consumers: list[topology.Consumer] = field(default_factory=list)
    handlers: dict[str, Replayable] = field(default_factory=dict)
    """By the stream: a service has one consumer of each."""
    pulls: list[BatchPull] = field(default_factory=list)
    pulling: list["asyncio.Task[None]"] = field(default_factory=list)


class NatsBus:
    """Publishes events, hands over what consumers get, keeps records; see ``interface``."""

    def __init__(
        self, settings: NatsSettings, member: Member, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._member = member
        self._clock = clock
        self._tracer = telemetry.tracers.get_tracer("ooda.common.bus")
        self._state = _State()
        self._client: Client | None = None
        self._broker = NatsBroker(
            str(settings.url),
            security=SASLPlaintext(
                username=member.user, password=settings.reveal_password() or "", use_ssl=False
            ),
            name=member.user,
            inbox_prefix=topology.inbox_prefix(member.user).encode(),
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            connect_timeout=2,
            graceful_timeout=GRACE_SECONDS,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            ack_policy=AckPolicy.MANUAL,
            # Not by our name: it has a level of its own (``service.telemetry``).
            logger=logging.getLogger("faststream.bus"),
            log_level=logging.DEBUG,  # each message; what goes wrong in it is an error still
            middlewares=(
                NatsTelemetryMiddleware(tracer_provider=telemetry.tracers),
                NatsPrometheusMiddleware(
                    registry=telemetry.metrics,
                    app_name=member.user,
                    metrics_prefix=f"ooda_bus_{member.account.lower()}",
                ),
            ),
        )

    @property
    def connected(self) -> bool:
        """Whether the server can be spoken to now."""
        return self._client is not None and self._client.is_connected

    async def connect(self) -> None:
        """Connect; wait for a server that is away for as long as it takes."""
        self._client = await self._broker.connect()

    async def start(self) -> None:
        """Begin to hand over what the registered consumers get.

        Raises ConsumerLostError if one of them is not there.
        """
        for consumer in self._state.consumers:
            await self._look_at(consumer)
        await self._broker.start()
        stopping = self._state.stopping
        self._state.pulling = [
            asyncio.create_task(each.run(stopping)) for each in self._state.pulls
        ]

    async def finish(self) -> None:
        """Fetch no more and let the handlers in hand finish; publishing still works."""
        self._state.stopping.set()
        # An event whose end the server does not hear of is given again: nothing is lost.
        with contextlib.suppress(nats.errors.Error, OSError):
            await asyncio.gather(*(each.stop() for each in self._broker.subscribers))
        if self._state.pulling:
            _, late = await asyncio.wait(self._state.pulling, timeout=GRACE_SECONDS)
            for each in late:
                each.cancel()

    async def close(self) -> None:
        """Finish, and disconnect; a second time does nothing."""
        await self.finish()
        client, self._client = self._client, None
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._broker.stop()
        if client is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.close()  # when it was reconnecting nobody else does

    async def publish(self, event: Event) -> None:
        """Publish and wait until it is stored; the same event id again is stored once."""
        subject = event.subject_of()
        stream = stream_of(subject, self._member.account)
        body = event.model_dump_json().encode()
        headers = {str(Header.MSG_ID.value): event.event_id, "content-type": "application/json"}
        with tracing.publishing(self._tracer, event):
            try:
                await store(
                    subject,
                    body,
                    lambda: self._broker.publish(
                        body,
                        subject,
                        headers=headers,
                        correlation_id=event.event_id,
                        stream=stream.name,
                        timeout=REQUEST_TIMEOUT,
                    ),
                )
            except nats.js.errors.APIError as error:
                raise BusUnavailableError(f"{subject} was not stored: {error}") from error

    async def read_since(self, stream: topology.Stream, since: dt.datetime) -> Sequence[Delivery]:
        """Return what a stream has stored since then, in order, without a consumer."""
        return await read_since(self._broker.connection, stream, since)

    def bucket(self, bucket: topology.Bucket, record: type[Record]) -> NatsBucket[Record]:
        """Return a bucket whose records are of this type; nothing is asked of the server yet."""
        return NatsBucket(self._jetstream, bucket, record)

    def consume(self, consumer: topology.Consumer, handler: Handler) -> None:
        """Register a handler that is given one event after the other. Before ``start``."""
        courier = self._courier(consumer, handler)

        async def handle(message: NatsMessage) -> None:
            await courier.deliver(message.raw_message, handler)

        self._subscribe(consumer, PullSub(batch_size=1, timeout=FETCH_SECONDS), handle)

    def consume_batches(
        self,
        consumer: topology.Consumer,
        handler: BatchHandler,
        *,
        batch_size: int,
        max_wait: float,
    ) -> None:
        """Register a handler of up to ``batch_size`` events, or what came in ``max_wait`` s."""

        async def alone(delivery: Delivery) -> None:
            await handler([delivery])

        courier = self._courier(consumer, alone)

        async def deliver(messages: Sequence[Msg]) -> None:
            await courier.deliver_batch(messages, handler)

        async def subscribe() -> Subscription:
            return await self._jetstream.pull_subscribe_bind(
                durable=consumer.durable,
                stream=consumer.stream.name,
                inbox_prefix=f"{topology.inbox_prefix(self._member.user)}.".encode(),
            )

        self._register(consumer)
        self._state.pulls.append(BatchPull(subscribe, deliver, batch_size, max_wait))

    def _courier(self, consumer: topology.Consumer, handler: Handler) -> Courier:
        given = Replayable(consumer, handler)
        self._state.handlers[consumer.stream.name] = given
        return Courier(consumer.ack_wait, self._bury, self._state.stopping, given.turn)

    def consumes(self, stream: str) -> bool:
        """Say whether a consumer of this stream is registered."""
        return stream in self._state.handlers

    async def replay(self, stream: str, sequence: int) -> None:
        """Hand an event of a stream that is consumed over once more. Raises ReplayError."""
        await replay(self._jetstream, self._state.handlers[stream], sequence)

    def _subscribe(
        self,
        consumer: topology.Consumer,
        pull: PullSub,
        handle: Callable[..., Awaitable[None]],
    ) -> None:
        self._register(consumer)
        self._broker.subscriber(
            consumer.subjects[0],  # the consumer's own filter rules
            stream=JStream(consumer.stream.name, declare=False),
            durable=consumer.durable,
            pull_sub=pull,
            inbox_prefix=f"{topology.inbox_prefix(self._member.user)}.".encode(),
            decoder=_undecoded,
        )(handle)

    def _register(self, consumer: topology.Consumer) -> None:
        if consumer.stream.account is not self._member.account:
            raise ValueError(f"{consumer.stream.name} is not in account {self._member.account}")
        self._state.consumers.append(consumer)

    async def _bury(self, message: Msg, error: BaseException) -> None:
        known = message.metadata
        dead = Dead(
            stream=known.stream,
            sequence=known.sequence.stream,
            subject=message.subject,
            payload=message.data,
            headers=message.headers or {},
            deliveries=known.num_delivered,
        )
        member = self._member
        await self.publish(
            dead_letter(
                dead,
                error,
                service=str(member.service),
                cluster_id=member.cluster_id,
                now=self._clock.now(),
            )
        )

    async def watch(self) -> None:
        """Return only if a consumer is lost: raise ConsumerLostError.

        The client itself says nothing and waits for ever.
        """
        while True:
            await self._pause()
            for consumer in self._state.consumers:
                with contextlib.suppress(BusUnavailableError):
                    await self._look_at(consumer)

    async def _pause(self) -> None:
        """Wait until it is time to look again; what ended a batch consumer is raised at once."""
        if not self._state.pulling or self._state.stopping.is_set():
            await asyncio.sleep(WATCH_SECONDS)
            return
        ended, _ = await asyncio.wait(
            self._state.pulling, timeout=WATCH_SECONDS, return_when=asyncio.FIRST_EXCEPTION
        )
        for each in ended:
            each.result()

    async def lags(self) -> dict[str, dict[str, int]]:
        """Return per consumer how many events wait (``pending``) and how many are ``in_hand``.

        Raises BusUnavailableError, ConsumerLostError.
        """
        lags = {}
        for consumer in self._state.consumers:
            info = await self._look_at(consumer)
            lags[f"{consumer.stream.name}/{consumer.durable}"] = {
                "pending": info.num_pending or 0,
                "in_hand": info.num_ack_pending or 0,
            }
        return lags

    @property
    def _jetstream(self) -> JetStreamContext:
        return self._broker.connection.jetstream(timeout=REQUEST_TIMEOUT)

    async def _look_at(self, consumer: topology.Consumer) -> ConsumerInfo:
        name = f"consumer {consumer.durable} of stream {consumer.stream.name}"
        try:
            return await patiently(
                lambda: self._jetstream.consumer_info(consumer.stream.name, consumer.durable)
            )
        except nats.js.errors.NotFoundError as error:
            raise ConsumerLostError(f"{name} is not there: run the bootstrap again") from error
        except nats.js.errors.APIError as error:
            raise BusUnavailableError(f"{name}: {error}") from error

    async def answer(self, subject: str, reply: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer requests on a subject (core NATS), one replica each.

        What cannot be computed is not answered.
        """

        async def respond(request: Msg) -> None:
            try:
                await request.respond(await reply(request.data))
            except (BusUnavailableError, ConsumerLostError, nats.errors.Error) as error:
                log.warning("request not answered", subject=subject, error=str(error))

        await self._broker.connection.subscribe(subject, queue=subject, cb=respond)

    async def _on_error(self, error: Exception) -> None:
        """Log it: a refused permission comes here and nowhere else, the call itself times out."""
        refused = "permissions violation" in str(error).lower()
        if refused:
            log.error("NATS refuses", user=self._member.user, error=str(error))
        else:
            log.warning("connection to NATS", user=self._member.user, error=str(error))

    async def _on_disconnected(self) -> None:
        if not self._state.stopping.is_set():
            log.warning("NATS is away", user=self._member.user)

    async def _on_reconnected(self) -> None:
        log.info("NATS is back", user=self._member.user)


async def _undecoded(message: NatsMessage) -> bytes:
    """Leave the body to us: what is no JSON shall reach the dead letters, not the framework."""
    return message.body
