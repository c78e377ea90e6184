"""When a run is over before its time, and how long it waits for the agent."""

import datetime as dt
from collections.abc import Callable

import pytest

from factories.evaluated_runs import after, fault_run
from ooda.common.fault_runs import AGENT_AT, HEALED_AT, REPAIRED_AT, FaultRun, Phase
from ooda.common.taxonomy import Closure
from ooda.injector.core.holding import HELD_ON, healed, held, looked_at
from ooda.injector.core.incidents import Belonging

ACTIVE = fault_run(phase=Phase.ACTIVE)
REPAIRED = looked_at(ACTIVE, after(5), repaired=True)


def agent(
    *closures: Closure | None, waiting: bool = False, applied: dt.datetime | None = None
) -> Belonging:
    """Return what was heard: an incident for each closure, open if that is None."""
    names = {f"{number}": closure for number, closure in enumerate(closures)}
    return Belonging(
        flagged={"a": after(2)} if waiting else {},
        cleared={},
        opened={name: after(3) for name in names},
        closed={name: (after(9), each) for name, each in names.items() if each is not None},
        applied={} if applied is None else {"0": applied},
        waiting=frozenset("a" if waiting else ""),
        unrelated=(),
    )


def test_since_when_it_is_repaired_and_not_when_that_did_not_last() -> None:
    assert REPAIRED.times[REPAIRED_AT] == after(5)
    assert looked_at(REPAIRED, after(6), repaired=True) is REPAIRED
    assert looked_at(ACTIVE, after(6), repaired=False) is ACTIVE
    assert REPAIRED_AT not in looked_at(REPAIRED, after(6), repaired=False).times


@pytest.mark.parametrize(
    ("heard", "unrepaired", "repaired"),
    [
        (agent(), False, False),
        (agent(None), False, False),
        (agent(waiting=True), False, False),
        (agent(Closure.RESOLVED), True, True),
        (agent(Closure.RESOLVED, None), False, False),
        (agent(Closure.RESOLVED, waiting=True), False, False),
        (agent(Closure.CLEARED), False, True),
        (agent(Closure.HANDED_OVER), False, True),
        (agent(Closure.CLEARED, Closure.RESOLVED), True, True),
    ],
    ids=[
        "no agent",
        "an incident is open",
        "an anomaly that no incident has yet",
        "resolved",
        "one is resolved and another open",
        "resolved, and another anomaly",
        "it went by itself, as it may come again",
        "a person was asked, and may have done it",
        "one cleared and one resolved",
    ],
)
def test_it_is_over_when_the_agent_is_done(
    heard: Belonging, *, unrepaired: bool, repaired: bool
) -> None:
    assert (HEALED_AT in healed(ACTIVE, heard, after(10)).times) is unrepaired
    assert (HEALED_AT in healed(REPAIRED, heard, after(10)).times) is repaired


def test_held_while_the_agent_is_at_it_said_again_at_half_time() -> None:
    holding = fault_run(phase=Phase.HOLDING, held_until=after(66))
    assert held(holding, agent(None), after(61)) is holding
    longer = held(holding, agent(None), after(64))
    assert longer.held_until == after(64 + HELD_ON)


@pytest.mark.parametrize(
    "heard",
    [None, agent(), agent(Closure.RESOLVED)],
    ids=["it cannot be heard", "there is none", "it is done"],
)
def test_held_no_longer(heard: Belonging | None) -> None:
    holding = fault_run(phase=Phase.HOLDING, held_until=after(66))
    assert held(holding, heard, after(61)).held_until == after(61)


@pytest.mark.parametrize("look", [healed, held])
@pytest.mark.parametrize(
    ("applied", "known"),
    [(None, None), (after(5), after(5)), (after(61), None)],
    ids=["it only looked, or asked", "it acted", "it acted when all was taken back"],
)
def test_when_the_agent_acted_is_known(
    look: Callable[[FaultRun, Belonging, dt.datetime], FaultRun],
    applied: dt.datetime | None,
    known: dt.datetime | None,
) -> None:
    found = look(fault_run(), agent(None, applied=applied), after(62))
    assert found.times.get(AGENT_AT) == known
