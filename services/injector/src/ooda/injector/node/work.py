"""One step of the journal in the hands of this node: made, held to its end, and written down."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import structlog

from ooda.common.clock import Clock
from ooda.common.fault_runs import NodeStep, Undone
from ooda.common.node_means import Proof
from ooda.injector.journal import Journal
from ooda.injector.node.hands import Hands
from ooda.injector.node.journalling import note
from ooda.injector.node.orders import Refusal
from ooda.injector.node.refusing import RefusedError, WorkerLostError

log = structlog.get_logger()

AGAIN: Final = 0.1
"""Seconds until a fault is made again whose process was lost, or whose place is not free yet."""
TRIES: Final = 20
"""How often it is made at most: what is lost each time is not made for ever."""


class Work:
    """One step in hand."""

    def __init__(
        self, journal: Journal, hands: Hands, clock: Clock, run_id: str, index: int
    ) -> None:
        self._journal = journal
        self._hands = hands
        self._clock = clock
        self._run_id = run_id
        self._index = index
        self._stop = asyncio.Event()
        self._in_force_since: dt.datetime | None = None
        self._bitten: Mapping[str, Any] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """End the fault now; who makes it goes on until that is written down."""
        self._stop.set()

    async def make(self, step: NodeStep, until: dt.datetime, *, again: bool) -> None:
        """Make the fault, hold it to its end, and write both down.

        ``again``: it was in force before, and whoever held it is gone.
        """
        try:
            became = await self._held(step, until, again=again)
        except Exception as error:
            log.exception("a step cannot be carried out", run=self._run_id, step=self._index)
            became = self._over(f"It cannot be carried out: {error!r}.", again=again)
        finally:
            await self._quieten()
        if self._in_force_since is not None:  # that may not have been written down yet
            became = {"done": True, "armed_at": self._in_force_since, **became}
        became = {**self._bitten, **became}
        await note(self._journal, self._run_id, self._index, **became)

    async def tell_gone(self, step: NodeStep) -> None:
        """See to it that nothing of the step is here any more, and write that down."""
        try:
            self._hands.take_back(step)
        except (RefusedError, OSError) as error:
            log.warning("nothing to take back", run=self._run_id, step=self._index, why=str(error))
        await note(
            self._journal,
            self._run_id,
            self._index,
            undone=Undone.GONE,
            ended_at=self._clock.now(),
        )

    async def _held(self, step: NodeStep, until: dt.datetime, *, again: bool) -> Mapping[str, Any]:
        """Return what became of it. A fault whose process is lost is made again."""
        problem = ""
        for _ in range(TRIES):
            if self._stop.is_set() or self._clock.now() >= until:
                return self._over("", again=again)
            try:
                outcome = await self._hands.carry_out(
                    f"{self._run_id}/{self._index}",
                    step,
                    until,
                    self._stop,
                    self._in_force,
                    self._bites,
                    again=again or self._in_force_since is not None,
                )
            except WorkerLostError as error:
                problem = f"{error}."
                log.warning("a fault was lost", run=self._run_id, step=self._index)
            except RefusedError as error:
                problem = f"{error.sentence}."
                log.warning("refused", run=self._run_id, code=error.code, reason=error.sentence)
                if error.code is not Refusal.BUSY:  # of a predecessor that is not gone yet
                    return self._over(
                        "" if self._went_away(error.code, again=again) else problem, again=again
                    )
            else:
                return {
                    "undone": outcome.undone,
                    "ended_at": outcome.ended_at,
                    "realised": outcome.realised,
                    "proof": outcome.proof,
                    "well_at": outcome.well_at,
                }
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._stop.wait()
        return self._over(problem, again=again)

    def _went_away(self, code: Refusal, *, again: bool) -> bool:
        """Say whether a refusal only says that what was in force is over."""
        was = again or self._in_force_since is not None
        return code is Refusal.EXPIRED or (was and code is Refusal.SANDBOX_GONE)

    def _over(self, problem: str, *, again: bool) -> Mapping[str, Any]:
        was = again or self._in_force_since is not None
        return {
            "undone": Undone.GONE if was else Undone.NOTHING,
            "ended_at": self._clock.now(),
            "problem": problem,
        }

    def _in_force(self, at: dt.datetime) -> None:
        if self._in_force_since is None:
            self._in_force_since = at
            self._tell(done=True, armed_at=at)

    def _bites(self, since: dt.datetime, proof: Proof) -> None:
        if not self._bitten:
            self._bitten = {"bites_at": since, "proof": proof}
            self._tell(**self._bitten)

    def _tell(self, **became: Any) -> None:
        telling = note(self._journal, self._run_id, self._index, **became)
        self._telling.add(asyncio.create_task(telling))

    async def _quieten(self) -> None:
        """Leave off telling what it is like: that it is over says that, too."""
        for each in self._telling:
            each.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
