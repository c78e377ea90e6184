"""Make the server have what the topology declares: streams, durable consumers, buckets.

Idempotent, and the last word: what differs is changed, what a running server cannot change is an
error. Services only bind; they have no rights to create anything.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext

from ooda.common import topology
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings
from ooda.common.topology import Account, Bucket, Consumer, Service, Stream, inbox_prefix, user_name

log = structlog.get_logger()

DUPLICATE_WINDOW = 120.0
"""Seconds in which the same event id is stored once; handlers are idempotent beyond it."""
PAUSE = 1.0


class BootstrapError(Exception):
    """The server refuses what the topology declares; the message says what."""


async def bootstrap(settings: NatsSettings, deadline: float) -> None:
    """Declare everything in all accounts, waiting up to ``deadline`` s for the server.

    Raises UnreachableError if it is not there by then, BootstrapError.
    """
    until = time.monotonic() + deadline
    for account in Account:
        async with _connected(settings, account, until) as client:
            await _declare(client.jetstream(timeout=10), account)
        log.info("declared", account=str(account))


async def _declare(jetstream: JetStreamContext, account: Account) -> None:
    for stream in topology.STREAMS:
        if stream.account is account:
            await _declare_stream(jetstream, stream_config(stream))
    if account is Account.LOOP:
        for bucket in topology.BUCKETS:
            await _declare_stream(jetstream, bucket_config(bucket))
    for consumer in topology.CONSUMERS:
        if consumer.stream.account is account:
            await _declare_consumer(jetstream, consumer)


def stream_config(stream: Stream) -> StreamConfig:
    """Return how the server keeps a stream: when it is full the oldest goes."""
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes,
        duplicate_window=DUPLICATE_WINDOW,
        allow_direct=True,
        allow_rollup_hdrs=False,
    )


def bucket_config(bucket: Bucket) -> StreamConfig:
    """Return how the server keeps a bucket.

    No roll-up: one header on one permitted key would wipe everything. Messages may have an end:
    the markers of deleted keys have one.
    """
    return StreamConfig(
        name=f"KV_{bucket.name}",
        subjects=[f"$KV.{bucket.name}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=bucket.max_bytes,
        duplicate_window=DUPLICATE_WINDOW,
        allow_direct=True,
        allow_rollup_hdrs=False,
        deny_delete=True,
        allow_msg_ttl=True,
    )


def consumer_config(consumer: Consumer) -> ConsumerConfig:
    """Return how the server hands events over.

    It delivers without limit: how often is enough is for the service, which writes the dead
    letter; the server would drop the event without a word.
    """
    return ConsumerConfig(
        name=consumer.durable,
        durable_name=consumer.durable,
        filter_subjects=list(consumer.subjects),
        deliver_policy=DeliverPolicy.NEW if consumer.only_new else DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.ack_wait,
        max_deliver=-1,
        max_ack_pending=consumer.max_ack_pending,
    )


async def _declare_stream(jetstream: JetStreamContext, config: StreamConfig) -> None:
    # Not simply "add": for a stream that is there the server would ask whether there is room for
    # a second one before it sees that it is the same.
    try:
        try:
            await jetstream.stream_info(config.name or "")
        except nats.js.errors.NotFoundError:
            await jetstream.add_stream(config)
        else:
            await jetstream.update_stream(config)
    except nats.js.errors.APIError as error:
        raise BootstrapError(f"stream {config.name}: {error.description}") from error


async def _declare_consumer(jetstream: JetStreamContext, consumer: Consumer) -> None:
    try:
        # Creates or updates; binding to an existing one would ignore what changed.
        await jetstream.add_consumer(consumer.stream.name, consumer_config(consumer))
    except nats.js.errors.APIError as error:
        raise BootstrapError(
            f"consumer {consumer.durable} of {consumer.stream.name}: {error.description}"
        ) from error


@asynccontextmanager
async def _connected(
    settings: NatsSettings, account: Account, until: float
) -> AsyncIterator[Client]:
    user = user_name(Service.BOOTSTRAP, account)
    client = Client()
    refusals: list[str] = []

    async def remember(error: Exception) -> None:
        refusals.append(str(error))

    while True:
        try:
            await client.connect(
                str(settings.url),
                user=user,
                password=settings.reveal_password(),
                name=user,
                inbox_prefix=inbox_prefix(user).encode(),
                error_cb=remember,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=2,
            )
            await client.jetstream(timeout=5).account_info()
            break
        except (nats.errors.Error, OSError) as error:
            with contextlib.suppress(nats.errors.Error):
                await client.close()
            said = refusals[-1] if refusals else repr(error)
            if time.monotonic() > until:
                host, port = settings.address
                raise UnreachableError(
                    f"NATS at {host}:{port} does not let {user} in: {said}"
                ) from error
            log.warning("waiting for NATS", user=user, error=said)
            await asyncio.sleep(PAUSE)
            client = Client()
    try:
        yield client
    finally:
        await client.close()
