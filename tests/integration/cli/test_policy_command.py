"""`ooda policy`: asked on the real bus, answered by the decider's own playbook and incidents."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from factories.decider import LIMITS, PLAYBOOK, ready, started
from factories.events import INCIDENT_ID, make
from fakes.deciding import Stage
from ooda.common.bus.consulting import answer_policy
from ooda.common.events import AnomalyFlagged
from ooda.common.topology import POLICY_SUBJECT, Service
from ooda.decider.consulting import Consultant
from servers.command_line import Ooda
from servers.loop_bus import LoopBus, loop_bus

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(bus: LoopBus) -> AsyncIterator[Stage]:
    """A decider that has one incident, and answers."""
    made = Stage("propose")
    await made.tell(make(AnomalyFlagged), started(), ready(confidence=0.5))
    consultant = Consultant(made.desk, PLAYBOOK, LIMITS)
    async with bus.running(Service.DECIDER) as decider:
        await decider.answer(POLICY_SUBJECT, lambda body: answer_policy(body, consultant.consult))
        yield made


async def run(ooda: Ooda, bus: LoopBus, *arguments: str) -> "CompletedProcess[str]":
    return await asyncio.to_thread(ooda.with_bus(bus), "policy", *arguments)


@pytest.mark.usefixtures("stage")
async def test_a_playbook_is_checked(ooda: Ooda, bus: LoopBus, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(files("ooda.decider").joinpath("playbook.yaml").read_text())
    bad.write_text("crash_loop: {steps: [{action: delete_namespace, risk: none}], ends: \x1b[2J}")
    done = await run(ooda, bus, "check", str(good))
    assert (done.returncode, done.stdout.startswith("It can be used: ")) == (0, True)
    done = await run(ooda, bus, "check", str(bad))
    assert (done.returncode, "not YAML" in done.stdout) == (1, True)
    bad.write_text("crash_loop: {steps: [{action: delete_namespace, risk: none}], ends: review}")
    done = await run(ooda, bus, "check", str(bad), "-o", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (1, False)
    assert "row crash_loop" in told["error"]
    assert (await run(ooda, bus, "check", str(tmp_path / "none.yaml"))).returncode == 2


@pytest.mark.usefixtures("stage")
async def test_a_class_is_explained(ooda: Ooda, bus: LoopBus) -> None:
    done = await run(ooda, bus, "explain", "crash_loop")
    assert done.returncode == 0
    assert "1. roll_back_workload, if began_with_change and known_good_exists" in done.stdout
    assert "alone from confidence 0.90 on" in done.stdout
    assert "4. else a person is asked" in done.stdout
    assert "3 per workload" in done.stdout
    none = await run(ooda, bus, "explain", "unknown")
    assert "the playbook has no step for it" in none.stdout


async def test_an_incident_is_explained_with_all_that_stands_in_the_way(
    ooda: Ooda, bus: LoopBus, stage: Stage
) -> None:
    before = list(stage.bus.published)
    writes = stage.bucket.writes
    done = await run(ooda, bus, "explain", INCIDENT_ID[:8])
    assert done.returncode == 0
    assert "Now it would ask a person whether to roll Deployment checkout back." in done.stdout
    assert "Not alone, because of 2 of the checks:" in done.stdout
    assert "- Confidence 0.500 is below 0.90." in done.stdout
    assert "is in propose mode." in done.stdout
    assert (stage.bus.published, stage.bucket.writes) == (before, writes)
    stage.set_mode("observe")
    assert (
        "Now it would do nothing: Observe mode"
        in (await run(ooda, bus, "explain", INCIDENT_ID)).stdout
    )
    stage.cluster.set_unavailable(True)
    assert "is away" in (await run(ooda, bus, "explain", INCIDENT_ID)).stdout
    stage.cluster.set_unavailable(False)


@pytest.mark.usefixtures("stage")
async def test_what_nobody_knows(ooda: Ooda, bus: LoopBus) -> None:
    done = await run(ooda, bus, "explain", "no_such_class")
    assert (done.returncode, "no failure class" in done.stdout) == (1, True)


async def test_a_decider_that_is_away(ooda: Ooda, tmp_path: Path) -> None:
    async with loop_bus(tmp_path) as bus:
        done = await run(ooda, bus, "explain", "unknown", "--wait", "0.5")
    assert (done.returncode, "The decider did not answer" in done.stderr) == (3, True)
