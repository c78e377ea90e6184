"""A lost node is cordoned, if its label says so, the grant is there, and we do not run on it."""

from typing import Any

import pytest

from fakes.acting import Acting, decision
from ooda.common.cluster.interface import Refused
from ooda.common.cluster.kinds import Kind
from ooda.common.events import DecisionMade
from ooda.common.plans import Verification
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import ActionKind, Outcome, Risk

CONTAINS = Verification(
    symptom_gone=False, workload_ready=False, hold_seconds=0.05, deadline_seconds=0.6
)


def cordon(name: str) -> DecisionMade:
    return decision(
        namespace=None,
        request={
            "action": ActionKind.CORDON_NODE,
            "target": NodeTarget(name=name),
            "risk": Risk.WIDE,
            "verification": CONTAINS,
        },
    )


def acting_on(*names: str, label: str | None = "auto") -> Acting:
    acting = Acting(heals=False)
    labels = {"ooda.dev/mode": label} if label else {}
    for name in names:
        acting.api.put(Kind.NODE, {"metadata": {"name": name, "labels": labels}, "spec": {}})
    return acting


async def spec_of(acting: Acting, name: str) -> Any:
    return (await acting.api.get(Kind.NODE, None, name))["spec"]


async def test_cordons_it_and_is_done_though_it_stays_silent() -> None:
    acting = acting_on("node-2")
    ended = await acting.act(cordon("node-2"))
    assert (ended.outcome, ended.wrote) == (Outcome.KEPT, True)
    assert await spec_of(acting, "node-2") == {"unschedulable": True}
    assert acting.api.writes == ["patch Node None/node-2"]


@pytest.mark.parametrize("label", [None, "propose", "observe"])
async def test_a_node_that_is_not_opted_in_is_left_alone(label: str | None) -> None:
    acting = acting_on("node-2", label=label)
    ended = await acting.act(cordon("node-2"))
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])
    assert ended.reason == "Node node-2 does not let the agent act by itself."


async def test_the_node_that_the_actor_runs_on_is_left_alone() -> None:
    acting = acting_on("node-1")
    ended = await acting.act(cordon("node-1"))
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])
    assert ended.reason == "The agent itself runs on node-1."


async def test_without_the_grant_it_says_so() -> None:
    acting = acting_on("node-2")
    acting.api.failures["dry run"] = Refused('nodes "node-2" is forbidden: may not patch')
    ended = await acting.act(cordon("node-2"))
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])
    assert "The API server refuses it: nodes" in ended.reason
