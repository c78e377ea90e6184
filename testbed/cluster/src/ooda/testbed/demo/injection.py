"""Breaks as anybody would: `ooda inject` on the command line, followed to its end."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ooda.testbed.errors import Unready

_BACK_DEADLINE = 240.0
"""Seconds until the old state is back and verified, once the agent is done."""


@asynccontextmanager
async def injected(arguments: Sequence[str], tell: Callable[[str], None]) -> AsyncIterator[None]:
    """Have something broken within the block; after it the run is over, whoever ended it.

    If the block fails or is cancelled the run is taken back first, as by Ctrl-C.

    Raises Unready if the run was refused, or if the old state is not back.
    """
    program = Path(sys.executable).with_name("ooda")
    process = await asyncio.create_subprocess_exec(
        program, "inject", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    telling = asyncio.create_task(_tell(process, tell))
    try:
        yield
    except BaseException:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        raise
    finally:
        await asyncio.shield(_over(process, telling))


async def _tell(process: asyncio.subprocess.Process, tell: Callable[[str], None]) -> None:
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    async for line in process.stdout:
        tell(line.decode().rstrip())


async def _over(process: asyncio.subprocess.Process, telling: "asyncio.Task[None]") -> None:
    try:
        async with asyncio.timeout(_BACK_DEADLINE):
            status = await process.wait()
            await telling
    except TimeoutError:
        raise Unready(
            f"The fault is not over after {_BACK_DEADLINE:.0f} s: `.venv/bin/ooda runs list`."
        ) from None
    if status != 0:
        raise Unready("The fault was refused, or the old state is not back; see above.")
