"""What a node's fault-agent has to do about a run: one pure function over the journal."""

import datetime as dt
from collections.abc import Container, Iterator
from dataclasses import dataclass

from ooda.common.fault_runs import Abort, FaultRun, NodeStep, Phase

_IN_FORCE = frozenset({Phase.ARMED, Phase.ACTIVE})


@dataclass(frozen=True, slots=True)
class Begin:
    """Make the fault of a step, until the run's end."""

    index: int
    step: NodeStep
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """End what was begun here; said of one that has ended already, it changes nothing."""

    index: int


@dataclass(frozen=True, slots=True)
class TellGone:
    """See to it that nothing of a step is here, whose process is gone, and write that down."""

    index: int
    step: NodeStep


Duty = Begin | Stop | TellGone


def duties(
    run: FaultRun, abort: Abort | None, node: str, now: dt.datetime, taken: Container[int]
) -> Iterator[Duty]:
    """Yield what is to be done on this node now.

    ``taken`` are the steps of the run that this very process has begun; after a restart that is
    none, so that what is still to be in force is made again for the time that is left.
    """
    for index, record in enumerate(run.steps):
        step = record.step
        if not isinstance(step, NodeStep) or step.node != node:
            continue
        until = run.expires_at if run.phase in _IN_FORCE and abort is None else None
        if index in taken:
            if until is None or now >= until:
                yield Stop(index)
        elif record.undone is not None:
            continue
        elif until is not None:
            if now < until and _is_next(run, index):
                yield Begin(index, step, until)
        elif run.phase not in (*_IN_FORCE, Phase.ADMITTED):
            yield TellGone(index, step)


def _is_next(run: FaultRun, index: int) -> bool:
    """Say whether all is done that the driver has to do first; nodes wait for no other node."""
    return all(each.done for each in run.steps[:index] if not isinstance(each.step, NodeStep))
