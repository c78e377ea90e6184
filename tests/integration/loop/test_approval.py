"""A namespace that only proposes: nothing is written until a person says so, then it is healed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ooda.common.topology import Service
from servers.command_line import Ooda
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.story import GOOD, WORKLOAD, Story
from servers.trail import Database
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest.fixture
def alice(tmp_path: Path, bus: LoopBus, database: Database) -> Ooda:
    made = Ooda(tmp_path).with_bus(bus).with_audit(database)
    made.environment |= {
        "OODA_PERSON__NAME": "alice",
        "OODA_PERSON__PASSWORD": bus.passwords["PERSON_ALICE_PASSWORD"],
    }
    return made


async def approve(alice: Ooda, review_id: str) -> dict[str, Any]:
    """Approve as soon as the recorder has the question; return what came of it."""

    async def recorded() -> bool:
        listed = await asyncio.to_thread(alice.process, "review", "list", "-o", "json")
        return review_id in {each["review_id"] for each in json.loads(listed.stdout)}

    await until(recorded, 30)
    done = await asyncio.to_thread(alice.process, "review", "approve", review_id, "-o", "json")
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["settlement"] == "acting" else 1)
    return told


async def test_what_changed_is_void_and_what_is_approved_heals_even_if_the_decider_is_killed(
    story: Story, services: Loop, alice: Ooda
) -> None:
    await story.kubectl(
        "label", "namespace", story.namespace, "ooda.dev/mode=propose", "--overwrite"
    )
    await story.break_it()
    first = await story.said("review.requested")
    assert first["basis"]["uid"] == (await story.deployment())["metadata"]["uid"]

    await story.kubectl(
        "-n", story.namespace, "patch", "deploy", WORKLOAD, "--patch",
        json.dumps({"spec": {"progressDeadlineSeconds": 500}}),
    )  # fmt: skip
    told = await approve(alice, first["review_id"])
    assert told["settlement"] == "void"
    assert "changed since the question was asked" in told["reason"]
    assert not any(each["subject"].startswith("action.") for each in story.heard)

    decider = services.processes[Service.DECIDER]
    await asyncio.to_thread(decider.kill)
    decider.start()
    await services.ready(Service.DECIDER)
    told = await approve(alice, told["next_review_id"])
    assert told["settlement"] == "acting"
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved"
    found = await story.deployment()
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == GOOD
    # Created, broken, changed by somebody, healed.
    assert found["metadata"]["generation"] == 4
    acts = [each for each in story.heard if each.get("verdict") == "act"]
    assert {each["approval"]["person"] for each in acts} == {"alice"}
    described = await story.kubectl("-n", story.namespace, "describe", "deploy", WORKLOAD)
    for reason in ("ReviewRequested", "RemediationDecided", "RemediationEnded"):
        assert reason in described
