"""Whether a run is over early, and how long it waits for the agent. Pure.

Both are written into the journal by whoever hears the agent; the machine reads nothing else. So a
run is never held by a bus that is away, nor by an injector that is dead.
"""

import datetime as dt

from ooda.common.fault_runs import AGENT_AT, HEALED_AT, REPAIRED_AT, FaultRun, Phase
from ooda.common.taxonomy import Closure
from ooda.injector.core.incidents import Belonging

HELD_ON = 6.0
"""Seconds that a run is held on after the agent was heard to be at it; said again at half time."""


def looked_at(run: FaultRun, now: dt.datetime, *, repaired: bool) -> FaultRun:
    """Return an active run with since when it is seen to be repaired."""
    if repaired == (REPAIRED_AT in run.times):
        return run
    times = {key: at for key, at in run.times.items() if key != REPAIRED_AT}
    if repaired:
        times[REPAIRED_AT] = now
    return run.model_copy(update={"times": times})


def healed(run: FaultRun, agent: Belonging, now: dt.datetime) -> FaultRun:
    """Return an active run that ends now if the agent is done with it, and the fault is gone.

    That is: it has dealt with incidents of the run, all are closed, and either the changes were
    seen taken back, or an incident was resolved, as where a limit is raised above the one set.
    """
    run = _credited(run, agent)
    resolved = any(closure is Closure.RESOLVED for _, closure in agent.closed.values())
    if not agent.opened or agent.open or not (resolved or REPAIRED_AT in run.times):
        return run
    return run.model_copy(update={"times": {**run.times, HEALED_AT: now}})


def held(run: FaultRun, agent: Belonging | None, now: dt.datetime) -> FaultRun:
    """Return a run that waits for the agent: on, or not any more; None: it could not be heard."""
    if agent is not None:
        run = _credited(run, agent)
    if agent is None or not agent.open:
        return run.model_copy(update={"held_until": now})
    until = now + dt.timedelta(seconds=HELD_ON)
    if run.held_until is not None and run.held_until > now + dt.timedelta(seconds=HELD_ON / 2):
        return run
    return run.model_copy(update={"held_until": until})


def _credited(run: FaultRun, agent: Belonging) -> FaultRun:
    """Return a run with when the agent acted on it, if that was before it was taken back."""
    acted = min(agent.applied.values(), default=None)
    taken_back = run.times.get(str(Phase.REVERTING))
    if AGENT_AT in run.times or acted is None or (taken_back and acted >= taken_back):
        return run
    return run.model_copy(update={"times": {**run.times, AGENT_AT: acted}})
