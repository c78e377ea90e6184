"""Fetch events in batches: the first as soon as there is one, then what comes shortly after.

By nats-py itself and not by FastStream's batch subscriber. That one asks again for the rest of a
batch until its time is up; nats-py answers an empty remainder with the built-in ``TimeoutError``,
which is not the one that is expected there: the task ends, and the events that it held are given
again only after ``ack_wait``. Under load this happened within seconds.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

log = structlog.get_logger()

FIRST_SECONDS = 5.0
"""How long one request for the first event lasts; then it is asked again."""

ANEW_SECONDS = 0.5
"""Pause while the server is away."""

Subscription = JetStreamContext.PullSubscription

_AWAY = (
    nats.errors.Error,  # closed, reconnecting, no responders
    nats.js.errors.ServiceUnavailableError,
    nats.js.errors.NoStreamResponseError,
)


@dataclass(frozen=True, slots=True)
class BatchPull:
    """What is to be fetched, and who takes it; ``max_wait`` in seconds."""

    subscribe: Callable[[], Awaitable[Subscription]]
    deliver: Callable[[Sequence[Msg]], Awaitable[None]]
    size: int
    max_wait: float

    async def run(self, stopping: asyncio.Event) -> None:
        """Fetch and deliver, one batch after the other, until told to stop."""
        subscription = await self.subscribe()
        asked_to_stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                fetching = asyncio.create_task(self._fetch(subscription))
                await asyncio.wait((fetching, asked_to_stop), return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    fetching.cancel()
                    return
                if batch := fetching.result():
                    await self.deliver(batch)
        finally:
            asked_to_stop.cancel()
            # What the server still answers to old requests would be waited for when we disconnect.
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def _fetch(self, subscription: Subscription) -> list[Msg]:
        try:
            batch = await subscription.fetch(1, FIRST_SECONDS)
        except TimeoutError:
            return []
        except _AWAY as error:
            log.debug("nothing fetched", error=repr(error))
            await asyncio.sleep(ANEW_SECONDS)
            return []
        if self.size > 1:
            try:
                batch += await subscription.fetch(self.size - 1, self.max_wait)
            except (TimeoutError, *_AWAY):
                return batch
        return batch
