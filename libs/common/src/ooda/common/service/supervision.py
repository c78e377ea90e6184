"""Run what should run for ever, and notice when one of it does not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

Work = Callable[[], Awaitable[None]]


class TaskEndedError(Exception):
    """A task that should run for ever came to an end."""


async def until_one_ends(works: Sequence[Work], finish: Work) -> None:
    """Run all until one fails or ends, or until this is cancelled; ``finish``, then end the rest.

    Raises what failed first, TaskEndedError, or CancelledError.
    """
    running = [asyncio.create_task(_for_ever(work)) for work in works]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await finish()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _for_ever(work: Work) -> None:
    await work()
    raise TaskEndedError(f"{work!r} ended")
