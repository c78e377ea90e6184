"""The property that decides: whatever dies, comes twice, late, or in between, writes happen once.

A model of the whole: a bucket with compare-and-set, live objects behind an API server that checks
what the write tests, and three actors that are alive at the same time, each of which can stop
between any two of its steps for as long as it likes, or die there.
"""

import copy
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from factories.actions import deployment, limited_pod, pod, record, set_limit, snapshot
from factories.events import NOW, open_anomaly
from fakes.actor_cluster import json_patch
from ooda.actor.core.announcements import announcements
from ooda.actor.core.guards import Guards, Symptom
from ooda.actor.core.machine import Failed, Move, Sight, advance, confirm, current_step
from ooda.actor.core.patches import Invertible, as_patch, mark_of, operations
from ooda.actor.core.record import ActionRecord, State
from ooda.common.cluster.interface import Conflict
from ooda.common.plans import (
    CordonStep,
    CreateJobStep,
    DeletePodStep,
    EvictStep,
    FieldChange,
    ObjectRef,
    PatchStep,
    ResizeStep,
    Step,
)
from ooda.common.taxonomy import Mode

LIVE = deployment()
REF = ObjectRef(kind="Deployment", namespace="shop", name="checkout", uid="uid-checkout")
POD = ObjectRef(kind="Pod", namespace="shop", name="checkout-1-a", uid="uid-pod")
SCALE = PatchStep(object=REF, changes=(FieldChange(path="/spec/replicas", before=1, after=2),))
LIMIT = "/spec/containers/0/resources/limits/memory"
BIGGER = ResizeStep(
    object=POD,
    container="app",
    changes=(FieldChange(path=LIMIT, before="64Mi", after="96Mi"),),
    generation=1,
)
STEPS: dict[str, Step] = {
    "patch": SCALE,
    "resize": BIGGER,
    "cordon": CordonStep(object=REF),
    "delete": DeletePodStep(object=POD),
    "evict": EvictStep(object=POD),
    "job": CreateJobStep(cron_job=REF, name="job-1"),
}


@dataclass
class Actor:
    """What one process has in memory."""

    record: ActionRecord
    revision: int
    sight: Sight | None = None
    move: Move | None = None
    stored: bool = False
    failed: Failed | None = None


@dataclass
class World:
    """What is outside of the processes."""

    record: ActionRecord
    live: dict[str, Any] | None
    revision: int = 1
    now: dt.datetime = NOW
    stopped: bool = False
    recorded: bool = False
    ill: bool = True
    written: list[bool] = field(default_factory=list)
    outcomes: set[str] = field(default_factory=set)


class Loop(RuleBasedStateMachine):
    """Any interleaving of three actors, their deaths, the recorder, outsiders and time."""

    step: Step = SCALE

    def __init__(self) -> None:
        super().__init__()
        undoable = isinstance(self.step, Invertible)
        begun = record(steps=(self.step,), undo="inverse" if undoable else "irreversible")
        pods = isinstance(self.step, DeletePodStep | EvictStep)
        live = pod() if pods else copy.deepcopy(LIVE)
        if isinstance(self.step, ResizeStep):
            live = limited_pod("64Mi", generation=1)
        self.world = World(begun, None if isinstance(self.step, CreateJobStep) else live)
        self.actors: list[Actor | None] = [None, None, None]

    @rule(which=st.integers(0, 2), steps=st.integers(1, 6))
    def move_on(self, which: int, steps: int) -> None:
        for _ in range(steps):
            self.one_step(which)

    @rule(which=st.integers(0, 2))
    def run_until_about_to_write(self, which: int) -> None:
        for _ in range(40):
            actor = self.actors[which]
            if actor is not None and actor.stored and actor.move and actor.move.write:
                return
            self.one_step(which)

    @rule(which=st.integers(0, 2))
    def run_until_nothing_changes(self, which: int) -> None:
        for _ in range(40):
            self.one_step(which)

    def one_step(self, which: int) -> None:
        actor = self.actors[which]
        if actor is None or actor.record.announced:
            world = self.world
            self.actors[which] = Actor(world.record, world.revision)
        elif actor.sight is None:
            actor.sight = self.look(actor)
        elif actor.move is None:
            actor.move = advance(actor.record, actor.sight, self.world.now)
        elif not actor.stored:
            self.store(actor, which)
        else:
            self.write(actor)

    def look(self, actor: Actor) -> Sight:
        world = self.world
        mode, symptom = Mode.AUTO, Symptom.OPEN if world.ill else Symptom.GONE
        return Sight(
            guards=Guards(world.stopped, mode, symptom, other=None),
            looked=current_step(actor.record) is not None,
            live=copy.deepcopy(world.live),
            failed=actor.failed,
            pods=(copy.deepcopy(world.live),),
            snapshot=snapshot(
                world.now,
                ill=world.ill,
                workloads=(),
                anomalies=(open_anomaly(),) if world.ill else (),
            ),
        )

    def store(self, actor: Actor, which: int) -> None:
        assert actor.move is not None
        if actor.move.record == actor.record:
            actor.stored = True
            return
        if actor.revision != self.world.revision:
            self.actors[which] = None
            return
        self.world.record = actor.record = actor.move.record
        self.world.revision = actor.revision = actor.revision + 1
        actor.stored = True
        self.outcomes_of(actor.record)

    def outcomes_of(self, found: ActionRecord) -> None:
        self.world.outcomes |= {
            each.model_dump_json()
            for each in announcements(found)
            if each.subject == "action.executed"
        }

    def write(self, actor: Actor) -> None:
        assert actor.move is not None
        write, actor.failed = actor.move.write, None
        if write is not None:
            assert self.world.recorded, "no record, no write"
            try:
                self.accept(write.step, write.live, undo=write.undo)
                self.world.written.append(write.undo)
            except Conflict as error:
                actor.failed = Failed("conflict", str(error))
        actor.sight, actor.move, actor.stored = None, None, False

    def accept(self, step: Step, read: Any, *, undo: bool) -> None:
        """Do what ``apply_step`` and the API server do."""
        world = self.world
        match step:
            case PatchStep() | CordonStep():
                mark = mark_of(world.record.action_id, undo=undo)
                world.live = json_patch(
                    world.live or {}, operations(as_patch(step), read or {}, mark)
                )
            case ResizeStep():
                world.live = json_patch(world.live or {}, operations(step, read or {}, ""))
                world.live["metadata"]["generation"] += 1
            case DeletePodStep() | EvictStep():
                if world.live is None or world.live["metadata"]["uid"] != step.object.uid:
                    raise Conflict("another pod")
                world.live = None
            case CreateJobStep():
                if world.live is not None:
                    raise Conflict("exists")
                world.live = {"metadata": {"name": step.name, "uid": "uid-job"}}

    @rule(which=st.integers(0, 2))
    def die(self, which: int) -> None:
        self.actors[which] = None

    @rule(own=st.booleans())
    def confirm_intent(self, *, own: bool) -> None:
        world = self.world
        intent = world.record.intent_id if own else "of another action"
        found = confirm(world.record, intent, world.now)
        world.recorded = world.recorded or own
        if found != world.record:
            world.record, world.revision = found, world.revision + 1

    @rule(seconds=st.sampled_from((0.001, 1, 6, 70)))
    def pass_time(self, seconds: float) -> None:
        self.world.now += dt.timedelta(seconds=seconds)

    @rule()
    def heal_or_fall_ill(self) -> None:
        self.world.ill = not self.world.ill

    @precondition(lambda self: self.world.stopped or self.world.record.state is State.APPLYING)
    @rule()
    def stop_or_go(self) -> None:
        self.world.stopped = not self.world.stopped

    @precondition(lambda self: self.world.live is not None and "spec" in self.world.live)
    @rule(replicas=st.integers(1, 3))
    def outsider(self, replicas: int) -> None:
        assert self.world.live is not None
        if isinstance(self.step, ResizeStep):
            set_limit(self.world.live, f"{64 * replicas}Mi")
            self.world.live["metadata"]["generation"] += 1
        else:
            self.world.live["spec"]["replicas"] = replicas

    @invariant()
    def wrote_at_most_once(self) -> None:
        assert self.world.written in ([], [False], [False, True])

    @invariant()
    def ended_at_most_one_way(self) -> None:
        assert len(self.world.outcomes) <= 1

    @invariant()
    def tells_the_truth_about_having_written(self) -> None:
        if self.world.record.state in (State.KEPT, State.UNDONE):
            assert self.world.written or not isinstance(self.step, Invertible)


@pytest.mark.parametrize("kind", list(STEPS))
def test_writes_happen_at_most_once(kind: str) -> None:
    machine = type(f"Loop_{kind}", (Loop,), {"step": STEPS[kind]})
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(max_examples=100, stateful_step_count=30)
    case("runTest").runTest()


def advance_first(loop: Loop) -> None:
    """Let the first actor make a step, and the world do what lets it come to its end."""
    world = loop.world
    if world.record.state is State.PLANNED:
        loop.confirm_intent(own=True)
    if world.record.state is State.VERIFYING and world.now == NOW:
        loop.pass_time(70)
    loop.one_step(0)


def steps_to_the_end() -> int:
    loop = Loop()
    count = 0
    while not loop.world.record.announced:
        advance_first(loop)
        count += 1
    assert loop.world.record.state is State.UNDONE
    assert loop.world.written == [False, True]
    return count


@pytest.mark.parametrize("begins", range(steps_to_the_end()))
def test_an_actor_that_froze_anywhere_and_comes_back_any_time_later(begins: int) -> None:
    total = steps_to_the_end()
    for frozen_after in range(1, 5):
        for later in range(total - begins + 1):
            loop = Loop()
            for _ in range(begins):
                advance_first(loop)
            for _ in range(frozen_after):
                loop.one_step(1)
            for _ in range(later):
                advance_first(loop)
            loop.one_step(1)
            for _ in range(total):
                advance_first(loop)
                loop.one_step(1)
            loop.wrote_at_most_once()
            loop.ended_at_most_one_way()
            ended = (loop.world.record.state, loop.world.written)
            # One that froze between its look and the deadline saw nothing: it takes nothing back.
            blind = (State.NOT_HELPED, [False])
            assert ended in ((State.UNDONE, [False, True]), blind)
            assert ended != blind or "could not be seen" in loop.world.record.reason
