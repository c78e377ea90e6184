"""An order about a container is carried out, and everything of it is gone when that returns."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from ooda.common.container_faults import ClockSkew, ContainerFault, CrashLoop, Fill, Leak
from ooda.injector.node.means.clock import set_clock_right, skew_clock
from ooda.injector.node.means.crashes import crash_again_and_again
from ooda.injector.node.means.disk import NODE_ROOT, empty_disk, fill_disk
from ooda.injector.node.means.leak import leak_in_each_life
from ooda.injector.node.means.orders import ContainerOrder, ContainerResult
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import Armed

_log: Final = structlog.get_logger()


def _unheeded(_: Armed) -> None:
    """Heed no news."""


async def run_in_container(
    order: ContainerOrder,
    *,
    stop: asyncio.Event | None = None,
    armed: Callable[[Armed], None] = _unheeded,
    node_root: Path = NODE_ROOT,
) -> ContainerResult:
    """Make the fault, stay until it has ended and nothing of it is left, and tell what it did.

    It ends at `order.until`, when `stop` is set, when the pod is gone (a full disk stays full), or
    when this is cancelled. If this process is killed the fault ends without it: the clock at the
    same moment as otherwise, the others at once; `take_back` then removes what is left of it.
    `armed` is called when it is in force; `node_root` is where the node's own files are shown.

    Raises RefusedError if nothing was done.
    """
    armed_at: list[datetime] = []

    def tell() -> None:
        now = datetime.now(UTC)
        armed_at.append(now)
        armed(Armed(order_id=order.order_id, worker=os.getpid(), at=now, until=order.until))

    # A volume may outlive its pod, and then it is still full.
    sandbox = None if isinstance(order.fault, Fill) else order.sandbox
    async with Term.begun(order.until, sandbox, stop or asyncio.Event()) as term:
        match order.fault:
            case ClockSkew() as skew:
                end, realised = await skew_clock(skew, order.pod_uid, term, tell)
            case CrashLoop() as loop:
                end, realised = await crash_again_and_again(loop, order.pod_uid, term, tell)
            case Fill() as fill:
                end, realised = await fill_disk(fill, order.pod_uid, term, tell, node_root)
            case Leak() as leak:
                end, realised = await leak_in_each_life(leak, order.pod_uid, term, tell, node_root)
    result = ContainerResult(
        order_id=order.order_id,
        end=end,
        armed_at=armed_at[0],
        ended_at=datetime.now(UTC),
        realised=realised,
    )
    _log.info("fault ended", fault=order.fault.kind, end=end, order_id=order.order_id, **realised)
    return result


def take_back(fault: ContainerFault, pod_uid: str) -> None:
    """Remove what is left of a fault whose process is gone; twice is no harm.

    Raises RefusedError if the container cannot be found: then nothing is left but, of a full disk,
    a file in a volume that takes no space.
    """
    match fault:
        case ClockSkew():
            set_clock_right(fault, pod_uid)
        case Fill():
            empty_disk(fault, pod_uid)
        case CrashLoop() | Leak():
            pass
