"""Read back what was said of a run and meanwhile: to evaluate it, and to know if that is over."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.bus.interface import History
from ooda.common.fault_runs import FaultRun
from ooda.common.run_reports import RunReport
from ooda.common.topology import FAULTS, LOOP, Stream
from ooda.injector.core.evaluation import evaluate, heard
from ooda.injector.core.incidents import Belonging, Told

CLOCKS_APART = dt.timedelta(seconds=60)
"""How far the injector's clock may be ahead of the bus's, and still nothing is missed."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What is read for an evaluation."""

    loop: History
    """Account LOOP."""
    faults: History
    """Account FAULTS."""

    async def report(self, run: FaultRun) -> RunReport:
        """Evaluate a run as far as it is. Raises BusUnavailableError."""
        return evaluate(run, *await self._read(run))

    async def heard(self, run: FaultRun) -> Belonging:
        """Return what an agent has said that belongs to a run. Raises BusUnavailableError."""
        return heard(run, *await self._read(run))

    async def _read(self, run: FaultRun) -> tuple[Sequence[Told], Sequence[Told]]:
        since = min(run.times.values()) - CLOCKS_APART
        return await _told(self.faults, FAULTS, since), await _told(self.loop, LOOP, since)


async def _told(history: History, stream: Stream, since: dt.datetime) -> Sequence[Told]:
    return [Told(each.event, each.stored_at) for each in await history.read_since(stream, since)]
