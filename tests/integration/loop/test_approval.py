"""A namespace that only proposes: nothing is written until a person says so, then it is healed."""

import asyncio
import json

import pytest

from ooda.common.topology import Service
from servers.loop import Loop
from servers.person import Person
from servers.story import GOOD, WORKLOAD, Story

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]


async def test_what_changed_is_void_and_what_is_approved_heals_even_if_the_decider_is_killed(
    story: Story, services: Loop, alice: Person
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
    told = await alice.approve(first["review_id"])
    assert told["settlement"] == "void"
    assert "changed since the question was asked" in told["reason"]
    assert not any(each["subject"].startswith("action.") for each in story.heard)

    decider = services.processes[Service.DECIDER]
    await asyncio.to_thread(decider.kill)
    decider.start()
    await services.ready(Service.DECIDER)
    told = await alice.approve(told["next_review_id"])
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
