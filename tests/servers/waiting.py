"""Wait for what cannot be awaited as an event: poll to a deadline."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(
    true: Callable[[], Awaitable[bool] | bool], seconds: float = 15.0, *, every: float = 0.05
) -> None:
    """Return as soon as it is true, asked each so many seconds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            said = true()
            if said if isinstance(said, bool) else await said:
                return
            await asyncio.sleep(every)
