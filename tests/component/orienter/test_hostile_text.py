"""Text from the cluster is data: whatever it says, what is done is the same as without it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from factories.cluster_objects import deployment, event, pod, replica_set, stamp, template
from factories.decider import GOOD, LIMITS, PLAYBOOK
from factories.diagnosis import anomaly, anomaly_flagged
from factories.events import NAMESPACE, NOW
from factories.hostile import HOSTILE
from factories.orienter import Cluster, living
from factories.situations import POD, broken_image, crash
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionRequest, DiagnosisReady
from ooda.common.taxonomy import Signal
from ooda.common.testing import FixedClock, MemoryBus
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.policy import Act, Case, History, Review, StandDown, Wait, decide

Situation = Callable[[Cluster], None]


def release_without_image(cluster: Cluster) -> None:
    broken_image(cluster)


def loop_without_a_change(cluster: Cluster) -> None:
    crash(cluster)


def release_that_crashes(cluster: Cluster) -> None:
    """A rollout whose new pod ends again and again, with the old one still serving."""
    before, after = template("shop:1"), template("shop:1", command=["no-such"])
    crash(cluster)
    catalog = {"templates": [before], "replicas": 1, "healthyAt": stamp(-600)}
    cluster.add(
        deployment(ready=1, updated=1, total=2, pod_template=after),
        replica_set(1, before, made=-9000, hashed="old"),
        replica_set(2, after, made=-30, hashed="new"),
        pod("checkout-old", template_hash="old"),
        {
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": NAMESPACE},
            "spec": {"workloads": {"Deployment/checkout": catalog}},
        },
    )


SITUATIONS: dict[Situation, Signal] = {
    release_without_image: Signal.IMAGE_PULL,
    release_that_crashes: Signal.CRASH_LOOP,
    loop_without_a_change: Signal.CRASH_LOOP,
}


@dataclass(frozen=True)
class Chosen:
    """What was made of a situation."""

    verdict: str
    action: str | None
    target: str | None
    failure_class: str


def choice(told: DiagnosisReady) -> Chosen:
    case = Case(told, History(), open_anomalies=1, pod=POD, recent_incidents=1)
    judged = decide(case, PLAYBOOK[told.failure_class], GOOD, Budgets(), LIMITS, NOW)
    asked: ActionRequest | None = None
    match judged:
        case Act(request=request):
            asked = request
        case Review(proposal=proposal):
            asked = proposal
        case Wait() | StandDown():
            pass
    return Chosen(
        type(judged).__name__,
        asked.action if asked is not None else None,
        str(asked.target) if asked is not None else None,
        told.failure_class,
    )


async def chosen(cluster: Cluster, signal: Signal) -> Chosen:
    async with living(MemoryBus(), cluster, FixedClock(NOW)) as orienter:
        await orienter.hear(anomaly_flagged(anomaly(signal, pod=POD)))
        return choice(await orienter.ready())


def write_everywhere(cluster: Cluster, text: str) -> None:
    """Put a text wherever somebody who may only run pods, or call them, can put one."""
    for previous in (False, True):
        cluster.set_logs(NAMESPACE, POD, "app", text, previous=previous)
    cluster.add(
        event("Diagnosis", text, about=f"Pod/{POD}"),
        event(text[:120], text, about=f"Pod/{POD}", at=-4),
        {
            "kind": "ConfigMap",
            "metadata": {
                "name": "instructions",
                "namespace": NAMESPACE,
                "annotations": {"note": text},
            },
            "data": {"read-me": text},
        },
    )


async def write_on(cluster: Cluster, text: str) -> None:
    """Put a text into what is said of the pod that fails, and of its workload."""
    for kind, name in ((Kind.POD, POD), (Kind.DEPLOYMENT, "checkout")):
        found: dict[str, Any] = dict(await cluster.get(kind, NAMESPACE, name))
        found["metadata"]["annotations"] = {"kubernetes.io/description": text}
        for status in found["status"].get("containerStatuses", ()):
            for state in (status["state"], status.get("lastState") or {}):
                for told in state.values():
                    told["message"] = text
        cluster.put(kind, found)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_the_action_is_the_same_whatever_is_written(situation: Situation, text: str) -> None:
    signal = SITUATIONS[situation]
    quiet, loud = Cluster(), Cluster()
    situation(quiet)
    situation(loud)
    write_everywhere(loud, text)
    await write_on(loud, text)
    without, with_it = await asyncio.gather(chosen(quiet, signal), chosen(loud, signal))
    assert without.verdict == "Act"
    assert with_it == without
