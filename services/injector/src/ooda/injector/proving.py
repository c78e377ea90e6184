"""Proves that runs bite: looks for their effect while they last, and writes down since when.

It only ever adds to the journal; that nothing was seen is concluded from it (`core.machine`).
"""

import asyncio
import datetime as dt
from collections.abc import Mapping

import structlog

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, Delta
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import EFFECTIVE, FaultRun, Phase
from ooda.injector.core.looks import Look
from ooda.injector.journal import Journal, JournalError, read_entry
from ooda.injector.ports import Cluster
from ooda.injector.probes.bystanding import hits
from ooda.injector.probes.choosing import probe_of
from ooda.injector.probes.interface import Probe
from ooda.injector.probes.outside import OUTSIDE, Outside

log = structlog.get_logger()

PAUSE = 0.25
"""Seconds until the API server is asked again."""

_LASTS = frozenset({Phase.ADMITTED, Phase.ARMED, Phase.ACTIVE})


class Prover:
    """Every run that lasts, each in a task of its own."""

    def __init__(
        self, api: Cluster, namespace: str, clock: Clock, outside: Outside = OUTSIDE
    ) -> None:
        self._api = api
        self._journal = Journal(api, namespace)
        self._clock = clock
        self._outside = outside
        self._proofs: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow the journal, for ever. Raises ClusterError."""
        async with asyncio.TaskGroup() as tasks:
            async for event in self._api.watch(Kind.FAULT_RUN, self._journal.namespace):
                if isinstance(event, Delta):
                    self._notice(tasks, event)

    def _notice(self, tasks: asyncio.TaskGroup, event: Delta) -> None:
        name = str(event.object["metadata"]["name"])
        try:
            run = read_entry(event.object).run
        except JournalError:
            return  # the driver says so
        lasts = event.change != "deleted" and run.phase in _LASTS
        if lasts and name not in self._proofs:
            self._proofs[name] = tasks.create_task(self._look_at(run))
        elif not lasts and name in self._proofs:
            self._proofs.pop(name).cancel()

    async def _look_at(self, run: FaultRun) -> None:
        await asyncio.gather(self._prove(run), self._watch_over(run))

    async def _watch_over(self, run: FaultRun) -> None:
        """Write down who is hit beside the target, as long as the run lasts."""
        if run.spared is None:
            return
        written = frozenset(run.bystanders)
        async for hit in hits(self._api, run.namespace, run.spared, self._clock):
            if hit.keys() <= written:
                continue
            try:
                written |= await self._write_hit(run.run_id, hit)
            except (ClusterError, JournalError) as error:
                log.warning("who is hit cannot be written down", run=run.run_id, error=str(error))

    async def _write_hit(self, name: str, hit: Mapping[str, dt.datetime]) -> frozenset[str]:
        """Write down who is hit since when, and return all that are. Raises ClusterError."""
        entry = await self._journal.find(name)
        if entry is None or entry.run.phase not in _LASTS:
            return frozenset(hit)
        known = {**hit, **entry.run.bystanders}
        await self._journal.write(entry, entry.run.model_copy(update={"bystanders": known}))
        log.warning("others are hit as well", run=name, bystanders=sorted(known))
        return frozenset(known)

    async def _prove(self, run: FaultRun) -> None:
        """Look until it is seen; what cannot be looked at is tried again."""
        probe = probe_of(self._api, self._journal.namespace, run, self._outside)
        while probe is not None and run.effect is not None and run.unproven:
            try:
                since = await first_bite(probe, run.effect.hold_seconds, self._clock)
                await self._write(run.run_id, since, probe.period)
            except (ClusterError, JournalError) as error:
                log.warning("the effect cannot be seen", run=run.run_id, error=str(error))
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _write(self, name: str, since: dt.datetime, period: float) -> None:
        """Write down since when it bites, once it is written down that something was changed."""
        while (entry := await self._journal.find(name)) is not None:
            run = entry.run
            if run.phase not in _LASTS or not run.unproven:
                return
            changed = run.changed_since
            if changed is None:
                await asyncio.sleep(PAUSE / 5)
                continue
            times = {**run.times, EFFECTIVE: max(since, changed)}
            every = period or run.asked_every
            seen = {"times": times, "probe_period_ms": round(every * 1000)}
            try:
                await self._journal.write(entry, run.model_copy(update=seen))
            except Conflict:
                continue
            log.info("effective", run=name, since=times[EFFECTIVE].isoformat())
            return


async def first_bite(probe: Probe, hold_seconds: float, clock: Clock) -> dt.datetime:
    """Return since when it bites, once it has done so without a break. Raises ClusterError."""
    told: asyncio.Queue[Look] = asyncio.Queue()
    pump = asyncio.create_task(_pump(probe, told))
    since: dt.datetime | None = None
    try:
        while True:
            left = None
            if since is not None:
                left = hold_seconds - (clock.now() - since).total_seconds()
                if left <= 0:
                    return since
            look = await _next(told, pump, left)
            if look is not None:
                since = (since or look.since or clock.now()) if look.bites else None
    finally:
        pump.cancel()


async def _pump(probe: Probe, told: "asyncio.Queue[Look]") -> None:
    async for look in probe.looks():
        told.put_nowait(look)


async def _next(
    told: "asyncio.Queue[Look]", pump: "asyncio.Task[None]", seconds: float | None
) -> Look | None:
    """Return the next look; None if there was none for so long. Raises what the probe raises."""
    getting = asyncio.create_task(told.get())
    try:
        await asyncio.wait({getting, pump}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        if pump.done():
            pump.result()
        return None
    finally:
        getting.cancel()
