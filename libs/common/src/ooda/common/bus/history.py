"""Read back what a stream has stored since some time, without a consumer.

By batches of direct gets: who reads may read this one stream, and create, acknowledge or move
nothing. Needs nats-server 2.11 or later.
"""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ooda.common.bus.asking import REQUEST_TIMEOUT
from ooda.common.bus.interface import BusUnavailableError, Delivery
from ooda.common.events import parse_event
from ooda.common.topology import Stream

BATCH = 256
"""Messages asked for at once."""


async def read_since(client: Client, stream: Stream, since: dt.datetime) -> list[Delivery]:
    """Return what was stored since then, in order; what is no event that we know is left out.

    Raises BusUnavailableError if the server does not answer in time, or does not let us.
    """
    found: list[Delivery] = []
    asked: Mapping[str, Any] = {"start_time": since.isoformat()}
    try:
        while True:
            last = None
            async for message in _batch(client, stream, asked):
                last = message
                delivery = _delivery(message, stream)
                if delivery is not None:
                    found.append(delivery)
            if last is None or _number(last, "Nats-Num-Pending") == 0:
                return found
            asked = {"seq": _number(last, "Nats-Sequence") + 1}
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"{stream.name} cannot be read: {error!r}") from error


async def _batch(client: Client, stream: Stream, asked: Mapping[str, Any]) -> AsyncIterator[Msg]:
    """Yield the messages of one request; the last answer has no body."""
    answers: asyncio.Queue[Msg] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        answers.put_nowait(message)

    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=hear)
    try:
        body = json.dumps({**asked, "batch": BATCH}).encode()
        await client.publish(f"$JS.API.DIRECT.GET.{stream.name}", body, reply=inbox)
        while True:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                message = await answers.get()
            if "Nats-Sequence" not in (message.headers or {}):
                return  # the end of the batch, or nothing was stored since
            yield message
    finally:
        await subscription.unsubscribe()


def _delivery(message: Msg, stream: Stream) -> Delivery | None:
    headers = dict(message.headers or {})
    subject = headers["Nats-Subject"]
    try:
        event = parse_event(subject, message.data)
    except ValueError:
        return None  # of a newer publisher: not ours to judge
    return Delivery(
        event=event,
        subject=subject,
        stream=stream.name,
        sequence=_number(message, "Nats-Sequence"),
        stored_at=dt.datetime.fromisoformat(headers["Nats-Time-Stamp"]),
        deliveries=1,
        payload=message.data,
        headers=headers,
    )


def _number(message: Msg, header: str) -> int:
    return int((message.headers or {})[header])
