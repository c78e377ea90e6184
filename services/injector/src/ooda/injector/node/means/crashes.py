"""A container that crashes again and again: whoever is its main process is killed."""

import asyncio
from collections.abc import Callable, Mapping

from ooda.common.container_faults import CrashLoop
from ooda.injector.node.means.containers import LOOK_AGAIN, main_process
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import End


async def crash_again_and_again(
    fault: CrashLoop, pod_uid: str, term: Term, armed: Callable[[], None]
) -> tuple[End, Mapping[str, float]]:
    """Kill until the term ends, or often enough; then only wait for its end."""
    kills, told = 0, False
    while kills < fault.kills:
        # A container that waits for its back-off has no process now, and that is the fault, too.
        kills += await asyncio.to_thread(_kill, pod_uid, fault.container)
        if not told:
            armed()
            told = True
        if (end := await term.over(within=LOOK_AGAIN)) is not None:
            return end, {"kills": kills}
    end = await term.over()
    return end or End.EXPIRED, {"kills": kills}


def _kill(pod_uid: str, container: str) -> bool:
    found = main_process(pod_uid, container)
    if found is None:
        return False
    with found:
        return found.kill()
