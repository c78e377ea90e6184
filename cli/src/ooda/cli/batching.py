"""Make the runs of a batch, one after the other, and keep what came of each."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ooda.cli.batches import Named, seconds_of
from ooda.cli.following import Followed, follow, new_request
from ooda.cli.results import Results
from ooda.cli.session import print_line
from ooda.cli.summaries import Refused
from ooda.common.bus.injecting import EvaluateRun, TryFault, ask_injector
from ooda.common.clock import SystemClock
from ooda.common.events import FaultEvent, FaultRefused, FaultRequested
from ooda.common.settings import NatsSettings, Settings

ANSWERS_IN = 15.0
"""Seconds that the injector has to try or to evaluate."""
PAUSE = 2.0
"""Seconds between two looks whether the target is well again."""
_PASSES = frozenset({"busy", "shared_busy", "not_healthy"})
"""Refusals that go away by themselves after the run before."""


class Batching:
    """A batch on its way."""

    def __init__(
        self, settings: Settings, nats: NatsSettings, results: Results, settle: str
    ) -> None:
        self._settings = settings
        self._nats = nats
        self._results = results
        self._settle = seconds_of(settle)

    async def run(self, runs: Sequence[Named]) -> bool:
        """Make all that are not done yet; False if one was refused, did not bite or is not back.

        It ends at once where the old state is not back, for then nothing can be measured. Told to
        stop, it has the current run taken back, and raises CancelledError.
        Raises UnreachableError, ClusterError, OSError.
        """
        well = True
        for place, each in enumerate(runs, start=1):
            if self._results.done(each.name):
                print_line(f"{place}/{len(runs)} {each.name} is done already.")
                continue
            print_line(f"{place}/{len(runs)} {each.name} on {each.wanted.target}")
            followed = await self._one(each)
            if followed.interrupted:
                raise asyncio.CancelledError
            well = well and followed.worked and self._results.done(each.name)
            if not followed.back:
                print_line("The old state is not back: no further run is made.")
                return False
        return well

    async def _one(self, each: Named) -> Followed:
        request = await self._settled(each)
        followed = await follow(self._settings, self._nats, request, _show)
        if isinstance(followed.end, FaultRefused):
            refused = Refused(
                scenario=each.wanted.scenario,
                target=each.wanted.target,
                code=followed.end.code,
                reason=followed.end.reason,
            )
            self._results.refuse(each.name, refused)
        elif followed.end is not None:
            await self._keep(each.name, request.run_id)
        return followed

    async def _settled(self, each: Named) -> FaultRequested:
        """Return a request once it would be let through, or when that has taken too long."""
        until = asyncio.get_running_loop().time() + self._settle
        while True:
            request = await new_request(self._settings, each.wanted)
            answer = await ask_injector(self._nats, TryFault(request=request), ANSWERS_IN)
            if answer.code not in _PASSES or asyncio.get_running_loop().time() >= until:
                return request
            await asyncio.sleep(PAUSE)

    async def _keep(self, name: str, run_id: str) -> None:
        answer = await ask_injector(self._nats, EvaluateRun(run_id=run_id), ANSWERS_IN)
        if answer.report is None:
            print_line(f"{run_id} cannot be evaluated: {answer.error}")
            return
        self._results.keep(name, answer.report)


def _show(event: FaultEvent) -> None:
    print_line(f"  {event.occurred_at:%H:%M:%S}  {event.subject:<22} {event.summary}")


def default_folder(file: Path) -> Path:
    """Return where results go if nobody said so: here, in a folder of the file's name and now."""
    return Path(f"{file.stem}-{SystemClock().now():%Y%m%d-%H%M%S}")
