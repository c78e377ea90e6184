"""Make a TCP connection, and close it: nothing is sent."""

import asyncio
import contextlib

_PATIENCE = 1.0
"""Seconds. Within a cluster a connection is made in milliseconds, and one whose first packet was
lost in a second."""


async def dial(address: str, port: int) -> bool:
    """See Dial."""
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
