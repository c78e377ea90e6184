"""An order is carried out by a process of its own, which can be lost without harm."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pydantic import TypeAdapter

from ooda.common.node_means import AGAIN_SECONDS
from ooda.injector.node.orders import Armed, Bites, ContactOrder, Order, Refused, Report, Result
from ooda.injector.node.refusing import RefusedError, WorkerLostError
from ooda.injector.node.workers import Workers

_log = structlog.get_logger()
_REPORT: Final[TypeAdapter[Report]] = TypeAdapter(Report)
_GRACE: Final = timedelta(seconds=3)
"""How long after its end a fault's process may take to say so; then it is killed, which is safe."""


def _unheeded(_: Armed | Bites) -> None:
    """Heed no news."""


async def run(
    order: Order | ContactOrder,
    workers: Workers,
    *,
    stop: asyncio.Event | None = None,
    armed: Callable[[Armed], None] = _unheeded,
    bites: Callable[[Bites], None] = _unheeded,
) -> Result:
    """Make the fault, stay until it has ended and its rule is gone, and tell what it did.

    It ends at `order.until`, when `stop` is set, or when this is cancelled, whichever comes first;
    who only asks is waited for until he is answered again. `armed` is called when it is in force,
    `bites` once it was seen to bite. If the process of the fault or this one is killed, the kernel
    ends the fault.

    Raises RefusedError if nothing was done, WorkerLostError if the process of the fault was lost.
    """
    worker = await workers.take()
    left = max(order.until - datetime.now(UTC), timedelta(0)) + _GRACE
    if isinstance(order, ContactOrder):
        left += timedelta(seconds=AGAIN_SECONDS)
    try:
        async with asyncio.timeout(left.total_seconds()):
            return await _listen(worker, order, stop or asyncio.Event(), armed, bites)
    except TimeoutError as error:
        raise _lost(order) from error
    finally:
        _hang_up(worker)
        await asyncio.shield(_ended(worker))


async def _listen(
    worker: asyncio.subprocess.Process,
    order: Order | ContactOrder,
    stop: asyncio.Event,
    armed: Callable[[Armed], None],
    bites: Callable[[Bites], None],
) -> Result:
    if worker.stdin is None or worker.stdout is None:
        raise WorkerLostError("the process of the fault has no line to it")
    worker.stdin.write(order.model_dump_json().encode() + b"\n")
    stopping = asyncio.create_task(_hang_up_when(stop, worker))
    try:
        async for said in worker.stdout:
            match _REPORT.validate_json(said):
                case Armed() as news:
                    armed(news)
                case Bites() as news:
                    bites(news)
                case Refused(code=code, sentence=sentence):
                    raise RefusedError(code, sentence)
                case Result() as result:
                    _tell(order, result)
                    return result
    finally:
        stopping.cancel()
    raise _lost(order)


def _lost(order: Order | ContactOrder) -> WorkerLostError:
    return WorkerLostError(
        f"the process of order {order.order_id} was lost; the kernel ended its fault"
    )


async def _ended(worker: asyncio.subprocess.Process) -> None:
    """Wait for the process; one that hangs (it may have been stopped) is killed."""
    try:
        async with asyncio.timeout(_GRACE.total_seconds()):
            await worker.wait()
    except TimeoutError:
        worker.kill()
        await worker.wait()


async def _hang_up_when(stop: asyncio.Event, worker: asyncio.subprocess.Process) -> None:
    await stop.wait()
    _hang_up(worker)


def _hang_up(worker: asyncio.subprocess.Process) -> None:
    """Close the line: the fault ends, and its process after it."""
    if worker.stdin is not None:
        with contextlib.suppress(OSError):
            worker.stdin.close()


def _tell(order: Order | ContactOrder, result: Result) -> None:
    counters = result.counters
    _log.info(
        "fault ended",
        order_id=order.order_id,
        fault=order.fault.kind if isinstance(order, Order) else order.kind,
        end=result.end,
        loss_percent=counters.loss_percent,
        delay_ms_mean=counters.delay_ms_mean,
        proof=result.proof,
        well_at=result.well_at,
        **counters.model_dump(),
    )
