"""Ask the server again while it is away, for a bounded time."""

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

_AWAY = (
    nats.errors.Error,  # time-outs, no responders, connection closed, reconnecting, buffer full
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
    OSError,
)

Answer = TypeVar("Answer")


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer; what the server says no to is raised as it is.

    Raises BusUnavailableError, APIError.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await ask()
        except nats.js.errors.ServiceUnavailableError as error:
            problem: Exception = error
        except nats.js.errors.APIError:
            raise
        except _AWAY as error:
            problem = error
        if tried < TRIES:
            await asyncio.sleep(PAUSE)
    raise BusUnavailableError(f"NATS did not answer {TRIES} times: {problem!r}") from problem
