"""Ask the server again while it is away, for a bounded time; never with what it cannot take."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors

from ooda.common.bus.interface import BusUnavailableError

TRIES, PAUSE = 4, 0.5
"""With the time-out of one request (``REQUEST_TIMEOUT``) about ten seconds in all: a server that
is restarted is back within that, and a caller that hears of more can say so in time."""

REQUEST_TIMEOUT = 2.0

MAX_BODY = 1024 * 1024 - 4096
"""Bytes of an event or a record: what a server takes as it is installed, less room for headers,
for which it would close the connection, and again at each further try."""

_AWAY = (
    nats.errors.Error,  # time-outs, no responders, connection closed, reconnecting, buffer full
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
    OSError,
)

Answer = TypeVar("Answer")


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer; what the server says no to is raised as it is.

    Raises BusUnavailableError, APIError, MaxPayloadError.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await ask()
        except nats.js.errors.ServiceUnavailableError as error:
            problem: Exception = error
        except (nats.js.errors.APIError, nats.errors.MaxPayloadError):
            raise
        except _AWAY as error:
            problem = error
        if tried < TRIES:
            await asyncio.sleep(PAUSE)
    raise BusUnavailableError(f"NATS did not answer {TRIES} times: {problem!r}") from problem


def refuse_too_big(what: str, body: bytes) -> None:
    """Raise ValueError if no server takes this: trying again is of no use."""
    if len(body) > MAX_BODY:
        raise ValueError(f"{what}: {len(body)} bytes are too many, {MAX_BODY} fit into a message")


async def store(what: str, body: bytes, send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send ``body``, patiently; ``what`` is its subject or key, for a person.

    Raises BusUnavailableError, APIError, ValueError if it is too big.
    """
    refuse_too_big(what, body)
    try:
        return await patiently(send)
    except nats.errors.MaxPayloadError as error:
        raise ValueError(f"{what}: {len(body)} bytes are too many for this server") from error
