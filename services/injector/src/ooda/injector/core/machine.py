"""What is to be done next with a run: one pure function, for the injector and for the reaper.

Killed at any point, whoever reads the journal next is told the same move again; every move can be
made twice. The injector begins runs and ends them. The reaper only ends them, and comes after a
grace, so that it does not run into an injector that lives.
"""

import datetime as dt
from dataclasses import dataclass

from ooda.common.fault_probes import AccessProbe
from ooda.common.fault_runs import (
    FINAL,
    HEALED_AT,
    Abort,
    Ending,
    FaultRun,
    LeftOverStep,
    NodeStep,
    Phase,
    StepRecord,
    Undone,
)
from ooda.common.node_means import AGAIN_SECONDS

ASKS_FIRST = 10.0
"""Seconds that the reaper leaves the verifying of a run to an injector that can ask more."""

ABANDONED_AFTER = 30.0
"""Seconds that a run may be written down and not armed: then whoever wrote it is gone."""
NODE_ALLOWANCE = 10.0
"""Seconds from the arming of a run until its faults on nodes are in force; it takes half of one."""
NODE_ANSWER = 5.0
"""Seconds that fault-agent, started again by then, may take to say that a fault is over."""


HELD_SECONDS = 180.0
"""No run waits longer for the agent: its actions are judged within a minute or two."""


@dataclass(frozen=True, slots=True)
class Role:
    """Who asks: whether it may change anything but back, and how long it lets others go first."""

    begins: bool
    grace: float
    """Seconds."""
    holds: float = 0.0
    """Seconds that a run is held for the agent at first; whoever hears the agent says how long on.
    Who hears nobody holds for nobody."""


INJECTOR = Role(begins=True, grace=0.0, holds=6.0)
REAPER = Role(begins=False, grace=3.0)
"""A live injector has begun to undo a second after the end; the aim is ten for a dead one."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Take the Leases and set the end."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply a step."""

    index: int


@dataclass(frozen=True, slots=True)
class Undo:
    """Take a step back."""

    index: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Set an object back to its image."""

    index: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody on the node says that a step is over: it is if its pod is gone, and in any case then.

    A fault on a node ends by its own clock, whoever lives.
    """

    index: int
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Enter:
    """Only write down that the run is in another phase."""

    phase: Phase
    ending: Ending | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verify:
    """Compare with the baseline; until then, it may take some time."""

    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Release:
    """Give the Leases up."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing before this time, unless the run is changed."""

    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing any more."""


Move = Arm | Apply | Undo | GiveUp | Restore | Enter | Verify | Release | Wait | Rest


def next_move(run: FaultRun, abort: Abort | None, now: dt.datetime, role: Role) -> Move:
    """Return the next move of a run."""
    if run.phase in FINAL:
        return Rest()
    if run.phase in (Phase.ADMITTED, Phase.ARMED, Phase.ACTIVE):
        return _forward(run, abort, now, role)
    begun = run.times[str(Phase.REVERTING)]
    if run.phase is Phase.HOLDING:
        begun = held_until(run)
    begun += dt.timedelta(seconds=role.grace)
    return _backward(run, now, role) if now >= begun else Wait(begun)


def _forward(run: FaultRun, abort: Abort | None, now: dt.datetime, role: Role) -> Move:
    end, why = _end(run, abort)
    end += dt.timedelta(seconds=role.grace)
    if now >= end:
        return Enter(Phase.REVERTING, why, unseen(run) if why is Ending.NO_EFFECT else "")
    if not role.begins or run.phase is Phase.ACTIVE:
        return Wait(end)
    if run.phase is Phase.ADMITTED:
        return Arm()
    return _apply(run, now, end)


def _apply(run: FaultRun, now: dt.datetime, end: dt.datetime) -> Move:
    """Return what is to be done until all steps are; those on nodes wait for the others.

    Those that only ask come before all: they have to be there when something is changed.
    """
    not_made = next((each for each in run.steps if each.undone and not each.done), None)
    if not_made is not None:
        problem = f"{not_made.step.object}: {not_made.problem or 'nothing was done'}"
        return Enter(Phase.REVERTING, Ending.CONFLICT, problem)
    left = [
        index
        for index, each in enumerate(run.steps)
        if not each.done and not isinstance(each.step, LeftOverStep)
    ]
    if not left:
        return Enter(Phase.ACTIVE)
    waited_for = [each for each in left if run.steps[each].only_asks]
    if not waited_for:
        index = next((each for each in left if not _on_node(run.steps[each])), None)
        if index is not None:
            return Apply(index)
        waited_for = left
    allowed = run.times[str(Phase.ARMED)] + dt.timedelta(seconds=NODE_ALLOWANCE)
    if now < allowed:
        return Wait(min(allowed, end))
    nodes = sorted({_node_of(run.steps[each]) for each in waited_for})
    problem = f"fault-agent of node {', '.join(nodes)} did not answer in {NODE_ALLOWANCE:g} s"
    return Enter(Phase.REVERTING, Ending.UNANSWERED, problem)


def _on_node(record: StepRecord) -> bool:
    return isinstance(record.step, NodeStep)


def _node_of(record: StepRecord) -> str:
    return record.step.node if isinstance(record.step, NodeStep) else ""


def _end(run: FaultRun, abort: Abort | None) -> tuple[dt.datetime, Ending]:
    """Return when the run has to be taken back, and why."""
    if run.expires_at is None:
        admitted = run.times[str(Phase.ADMITTED)]
        ends = [(admitted + dt.timedelta(seconds=ABANDONED_AFTER), Ending.ABANDONED)]
    elif run.effect is not None and run.unproven:
        ends = [(run.expires_at, Ending.NO_EFFECT)]
        if str(Phase.ACTIVE) in run.times:
            allowed = dt.timedelta(seconds=run.effect.within_seconds)
            ends.append((run.times[str(Phase.ACTIVE)] + allowed, Ending.NO_EFFECT))
    else:
        ends = [(run.expires_at, Ending.EXPIRED)]
    if HEALED_AT in run.times:
        ends.append((run.times[HEALED_AT], Ending.REPAIRED))
    if abort is not None:
        ends.append((abort.at, Ending.ABORTED))
    return min(ends)


def _backward(run: FaultRun, now: dt.datetime, role: Role) -> Move:
    match run.phase:
        case Phase.REVERTING:
            return _undo(run, now, role)
        case Phase.HOLDING:
            found = [each.found is not None for each in run.images]
            return Enter(Phase.VERIFYING) if all(found) else Restore(found.index(False))
        case Phase.VERIFYING:
            return Verify(teardown_deadline(run))
        case _:
            return Release()


def _undo(run: FaultRun, now: dt.datetime, role: Role) -> Move:
    left = [index for index, each in enumerate(run.steps) if each.undone is None]
    if not left:
        return Enter(Phase.HOLDING if run.touched else Phase.VERIFYING)
    index = next((each for each in reversed(left) if not _on_node(run.steps[each])), None)
    if index is not None:
        return Undo(index)  # the last one first
    # What is on nodes has been ended by fault-agent meanwhile, which says so.
    begun = run.times[str(Phase.REVERTING)]
    answered = begun + dt.timedelta(seconds=NODE_ANSWER + role.grace)
    over = max(begun, run.expires_at or begun) + dt.timedelta(seconds=NODE_ANSWER + role.grace)
    if run.steps[left[-1]].only_asks:
        over += dt.timedelta(seconds=AGAIN_SECONDS)
    return GiveUp(left[-1], over) if now >= answered else Wait(answered)


def held_until(run: FaultRun) -> dt.datetime:
    """Return until when a run waits for the agent, whatever was asked for."""
    begun = run.times.get(str(Phase.HOLDING), run.times[str(Phase.REVERTING)])
    return min(run.held_until or begun, begun + dt.timedelta(seconds=HELD_SECONDS))


def teardown_deadline(run: FaultRun) -> dt.datetime:
    """Return when what a phase is for has to be done, or the teardown has failed.

    The time in which the run waits for the agent does not count.
    """
    begun = run.times.get(str(run.phase), run.times[str(Phase.REVERTING)])
    if run.phase is Phase.HOLDING:
        begun = held_until(run)
    return begun + dt.timedelta(seconds=run.recovery_seconds)


def untouched(run: FaultRun) -> FaultRun:
    """Return a run that was never armed as taken back: nothing of it was applied."""
    steps = tuple(each.model_copy(update={"undone": Undone.NOTHING}) for each in run.steps)
    return run.model_copy(update={"steps": steps})


def unseen(run: FaultRun) -> str:
    """Return what is wrong with a run whose effect nobody saw."""
    allowed = run.effect.within_seconds if run.effect is not None else 0.0
    return f"No effect was seen within {min(allowed, run.duration_seconds):g} s."


def leaves_to_injector(run: FaultRun, now: dt.datetime) -> bool:
    """Say whether whoever cannot ask as a service account should still let the injector do so."""
    asks = run.effect is not None and isinstance(run.effect.probe, AccessProbe)
    begun = run.times[str(Phase.VERIFYING)]
    return asks and now < begun + dt.timedelta(seconds=ASKS_FIRST)
