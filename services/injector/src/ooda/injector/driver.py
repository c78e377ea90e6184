"""Drives runs through the journal: looks at what is next, does it, writes down that it is done.

The injector and the reaper are both this, in different roles. It needs the API server alone.
"""

import asyncio
import contextlib
import datetime as dt

import structlog

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Conflict, Delta, NotFound, Refused, Synced
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import (
    FINAL,
    Ending,
    FaultRun,
    LeftOverStep,
    Phase,
    RotateStep,
    StepRecord,
    Undone,
)
from ooda.common.kill_switch import read_stop
from ooda.injector import baseline, left_overs, restoring, steps
from ooda.injector.core.machine import (
    Apply,
    Arm,
    Enter,
    GiveUp,
    Move,
    Release,
    Rest,
    Restore,
    Role,
    Undo,
    Verify,
    Wait,
    leaves_to_injector,
    next_move,
    teardown_deadline,
    untouched,
)
from ooda.injector.core.merge import MovedError
from ooda.injector.credentials import Credentials
from ooda.injector.databases import DatabaseError
from ooda.injector.journal import Entry, Journal, JournalError, read_entry
from ooda.injector.leases import Leases
from ooda.injector.ports import Cluster
from ooda.injector.probes.asking import Access
from ooda.injector.probes.choosing import probe_of
from ooda.injector.probes.outside import OUTSIDE, Outside

log = structlog.get_logger()

PAUSE = 0.5
"""Seconds until the baseline is looked at again, or the API server is asked again."""
SLOWLY = 2.0
"""Seconds until it is looked again whether a pod is gone whose node does not answer."""


class Driver:
    """Every run of the journal that is not over, each in a task of its own."""

    def __init__(
        self, api: Cluster, namespace: str, clock: Clock, role: Role, outside: Outside = OUTSIDE
    ) -> None:
        self._api = api
        self._outside = outside
        self._credentials = Credentials(api, namespace, outside.database)
        self._journal = Journal(api, namespace)
        self._leases = Leases(api, namespace)
        self._clock = clock
        self._role = role
        self._changed: dict[str, asyncio.Event] = {}
        """By run that is being driven; set when somebody has written it."""
        self._mutated: dict[str, dt.datetime] = {}
        """When the first change of a run was accepted: its journal may be written after others'."""
        self._followed = False

    def ready(self) -> bool:
        """Say whether the journal is followed."""
        return self._followed

    def counts(self) -> dict[str, str]:
        """Return what ``ooda status`` shows."""
        return {"runs": str(len(self._changed))}

    async def run(self) -> None:
        """Follow the journal, for ever. Raises ClusterError, and what a run cannot go on with."""
        async with asyncio.TaskGroup() as tasks:
            async for event in self._api.watch(Kind.FAULT_RUN, self._journal.namespace):
                self._followed = self._followed or isinstance(event, Synced)
                if isinstance(event, Delta) and event.change != "deleted":
                    self._notice(tasks, str(event.object["metadata"]["name"]), event)

    def _notice(self, tasks: asyncio.TaskGroup, name: str, event: Delta) -> None:
        if name in self._changed:
            self._changed[name].set()
            return
        try:
            over = read_entry(event.object).run.phase in FINAL
        except JournalError as error:
            log.error("a run cannot be read", error=str(error))  # noqa: TRY400 - the sentence says all
            return
        if not over:
            self._changed[name] = asyncio.Event()
            tasks.create_task(self._pursue(name))

    async def _pursue(self, name: str) -> None:
        """Drive one run to its end."""
        try:
            while (entry := await self._read(name)) is not None:
                move = next_move(entry.run, entry.abort, self._clock.now(), self._role)
                if isinstance(move, Rest):
                    return
                await self._try(entry, move)
        finally:
            del self._changed[name]
            self._mutated.pop(name, None)

    async def _read(self, name: str) -> Entry | None:
        """Return the run as it is now; what is written from then on wakes who waits."""
        self._changed[name].clear()
        while True:
            try:
                return await self._journal.find(name)
            except JournalError as error:
                log.error("a run cannot be read", error=str(error))  # noqa: TRY400 - the sentence says all
                return None
            except ClusterError as error:
                log.warning("the journal cannot be read", error=str(error))
                await asyncio.sleep(PAUSE)

    async def _try(self, entry: Entry, move: Move) -> None:
        """Make a move; what fails is tried again, from what the journal says then."""
        run = entry.run
        try:
            await self._make(entry, move)
        except Conflict as error:
            log.info("somebody else wrote", run=run.run_id, move=repr(move), error=str(error))
            await asyncio.sleep(0)
        except Refused as error:
            log.warning("refused", run=run.run_id, move=repr(move), error=str(error))
            await self._give_up_late(entry, str(error))
            await self._wait(run.run_id, PAUSE)
        except ClusterError as error:
            log.warning("not now", run=run.run_id, move=repr(move), error=str(error))
            await self._wait(run.run_id, PAUSE)
        except Exception as error:
            log.exception("a run cannot go on", run=run.run_id, move=repr(move))
            await self._give_up_late(entry, repr(error))
            await self._wait(run.run_id, PAUSE)

    async def _make(self, entry: Entry, move: Move) -> None:
        run, now = entry.run, self._clock.now()
        match move:
            case Arm():
                await self._arm(entry)
            case Apply(index):
                await self._apply(entry, index)
            case Undo() | Restore():
                await self._take_back(entry, move)
            case GiveUp(index, until):
                await self._give_up_on_node(entry, index, late=now >= until)
            case Enter(phase, ending, problem):
                await self._enter(entry, phase, ending, problem)
            case Verify(until):
                await self._verify(entry, late=now >= until)
            case Release():
                await self._release(entry)
            case Wait(until):
                await self._wait(run.run_id, (until - now).total_seconds())
            case Rest():
                pass

    async def _arm(self, entry: Entry) -> None:
        run = entry.run
        if await self._stopped(entry):
            return
        for lease in run.leases:
            holder = await self._leases.take(lease, run.run_id, self._clock.now())
            if holder != run.run_id:
                problem = f"Run {holder} holds {lease.removeprefix('run-')}."
                await self._turn_back(entry, Ending.BUSY, problem)
                return
        now = self._clock.now()
        armed = run.enter(
            Phase.ARMED, now, expires_at=now + dt.timedelta(seconds=run.duration_seconds)
        )
        await self._journal.write(entry, armed)

    async def _apply(self, entry: Entry, index: int) -> None:
        run = entry.run
        if await self._stopped(entry):
            return
        step = run.steps[index].step
        try:
            if isinstance(step, RotateStep):
                await self._credentials.apply(run.run_id, step)
            else:
                await steps.apply(self._api, step)
        except (MovedError, Conflict, NotFound, Refused, DatabaseError) as error:
            await self._turn_back(entry, Ending.CONFLICT, f"{step.object}: {error}.")
            return
        mutated = self._mutated.setdefault(run.run_id, self._clock.now())
        done = run.with_step(index, done=True)
        times = {"mutated": mutated, **run.times}
        await self._journal.write(entry, done.model_copy(update={"times": times}))

    async def _take_back(self, entry: Entry, move: Undo | Restore) -> None:
        run, index = entry.run, move.index
        if isinstance(move, Undo):
            undone = await self._undo(run, run.steps[index])
            if undone is None:
                where = run.steps[index].step.object
                await self._give_up_late(entry, f"{where} has pods of another template still.")
                await self._wait(run.run_id, PAUSE)
                return
            await self._journal.write(entry, run.with_step(index, undone=undone))
        else:
            restored = await restoring.restore(self._api, run.images[index])
            await self._journal.write(entry, run.with_image(index, restored))

    async def _undo(self, run: FaultRun, record: StepRecord) -> Undone | None:
        """Take a step back and return what was found; None: it is not done yet, though tried.

        Raises ClusterError, DatabaseError.
        """
        if isinstance(record.step, LeftOverStep):
            return await left_overs.delete_stuck(self._api, record.step)
        if not isinstance(record.step, RotateStep):
            return await steps.undo(self._api, record)
        found = await self._credentials.undo(run, record, record.step)
        if found is not Undone.NOTHING and self._role.begins:  # the reaper may not delete them
            await steps.replace_pods_but(self._api, run.workload, record.step.knowing)
        return found

    async def _stopped(self, entry: Entry) -> bool:
        """Turn back if the kill switch is on: nothing is broken while it is."""
        stop = await read_stop(self._api, self._journal.namespace)
        if stop is not None:
            await self._turn_back(entry, Ending.STOPPED, f"The kill switch is on, by {stop.by}.")
        return stop is not None

    async def _give_up_on_node(self, entry: Entry, index: int, *, late: bool) -> None:
        run, step = entry.run, entry.run.steps[index].step
        if await steps.pod_is_gone(self._api, step.object):
            await self._journal.write(entry, run.with_step(index, undone=Undone.GONE))
        elif late:
            problem = f"{step.object}: nobody on its node said that the fault is over"
            given_up = run.with_step(index, undone=Undone.GONE, problem=problem)
            given_up = given_up.model_copy(update={"problem": run.problem or problem})
            await self._journal.write(entry, given_up)
        else:
            log.info("its node does not answer", run=run.run_id, step=index)
            await self._wait(run.run_id, SLOWLY)

    async def _turn_back(self, entry: Entry, ending: Ending, problem: str) -> None:
        await self._enter(entry, Phase.REVERTING, ending, problem)

    async def _release(self, entry: Entry) -> None:
        if any(isinstance(each.step, RotateStep) for each in entry.run.steps):
            await self._credentials.forget(entry.run.run_id)
        for lease in reversed(entry.run.leases):
            await self._leases.give_up(lease, entry.run.run_id)
        await self._enter(entry, Phase.ENDED, None)

    async def _enter(
        self, entry: Entry, phase: Phase, ending: Ending | None, problem: str = ""
    ) -> None:
        run = untouched(entry.run) if entry.run.phase is Phase.ADMITTED else entry.run
        since = run.in_force_on_nodes_since
        if since is not None:
            times = {"mutated": since, **run.times}
            run = run.model_copy(update={"times": times})
        now, more = self._clock.now(), {}
        if phase is Phase.HOLDING:
            more = {"held_until": now + dt.timedelta(seconds=self._role.holds)}
        entered = run.enter(
            phase, now, ending=ending or run.ending, problem=problem or run.problem, **more
        )
        await self._journal.write(entry, entered)
        log.info("entered", run=run.run_id, phase=str(phase), ending=str(entered.ending))

    async def _verify(self, entry: Entry, *, late: bool) -> None:
        if not self._role.begins and leaves_to_injector(entry.run, self._clock.now()):
            await self._wait(entry.run.run_id, PAUSE)
            return
        probe = probe_of(self._api, self._journal.namespace, entry.run, self._outside)
        if not self._role.begins and isinstance(probe, Access):
            probe = None  # it has no rights to ask as somebody else
        problem = await baseline.missing(self._api, entry.run, probe)
        if problem is None:
            await self._enter(entry, Phase.RELEASING, None)
        elif late:
            await self._fail(entry, problem)
        else:
            log.info("not back yet", run=entry.run.run_id, problem=problem)
            await self._wait(entry.run.run_id, PAUSE)

    async def _give_up_late(self, entry: Entry, problem: str) -> None:
        """Say that the teardown failed if it cannot be done until its time is over."""
        run = entry.run
        if run.phase in (
            Phase.REVERTING,
            Phase.HOLDING,
            Phase.VERIFYING,
        ) and self._clock.now() >= teardown_deadline(run):
            with contextlib.suppress(ClusterError):
                await self._fail(entry, problem)

    async def _fail(self, entry: Entry, problem: str) -> None:
        await self._enter(entry, Phase.TEARDOWN_FAILED, None, problem)
        log.error("the teardown failed: the namespace is quarantined", problem=problem)

    async def _wait(self, name: str, seconds: float) -> None:
        """Wait so long, or until somebody wrote the run."""
        # Not asyncio.wait_for: before Python 3.12 a cancellation may be lost in it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._changed[name].wait()
