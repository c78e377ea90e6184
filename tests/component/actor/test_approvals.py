"""What a person approved is carried out in *propose* too, on the state that was approved only."""

from typing import Any

import pytest

from factories.actions import deployment, namespace
from factories.events import NAMESPACE, NOW, request
from fakes.acting import DELETED, PATCHED, Acting, decision
from ooda.actor.core.plan import basis_of
from ooda.actor.looking import look_at_scene
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionStarted, Approval, DecisionMade
from ooda.common.plans import Basis
from ooda.common.taxonomy import ActionKind, Mode, Outcome

RESTART = {"action": ActionKind.RESTART_POD, "parameters": {"pod": "checkout-1-a"}}
SCALE = {"action": ActionKind.SCALE_TO_KNOWN_GOOD}


async def approved(acting: Acting, chosen: dict[str, Any] | None = None) -> DecisionMade:
    """Return the decision after an approval of the action on the objects as they are."""
    asked = request(**chosen or {})
    basis = basis_of(asked, await look_at_scene(acting.api, asked))
    assert basis is not None
    consent = Approval(
        review_id="review-1", answer_id="answer-1", person="alice", answered_at=NOW, basis=basis
    )
    return decision(mode=Mode.PROPOSE, approval=consent, request=chosen or {})


def proposing(mode: str | None = "propose") -> Acting:
    acting = Acting()
    acting.api.put(Kind.NAMESPACE, namespace(mode))
    return acting


@pytest.mark.parametrize("mode", ["propose", None, "auto"])
@pytest.mark.parametrize(("chosen", "write"), [({}, PATCHED), (SCALE, PATCHED), (RESTART, DELETED)])
async def test_what_was_approved_is_done(mode: str | None, chosen: Any, write: str) -> None:
    acting = proposing(mode)
    ended = await acting.act(await approved(acting, chosen))
    assert (ended.outcome, acting.api.writes) == (Outcome.KEPT, [write])


async def test_nothing_is_done_in_observe_whoever_approved() -> None:
    acting = proposing()
    made = await approved(acting)
    acting.api.put(Kind.NAMESPACE, namespace("observe"))
    ended = await acting.act(made)
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])


async def test_a_decision_of_observe_mode_is_not_carried_out_even_if_it_says_so() -> None:
    acting = proposing("auto")
    made = (await approved(acting)).model_copy(update={"mode": Mode.OBSERVE})
    ended = await acting.act(made)
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])


async def test_without_an_approval_nothing_is_done_in_propose() -> None:
    acting = proposing()
    ended = await acting.act(decision(mode=Mode.PROPOSE))
    assert (ended.outcome, acting.api.writes) == (Outcome.REFUSED, [])


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        ({"template": {"spec": {"containers": []}}}, {}),
        ({"metadata": {"uid": "another"}}, {}),
        ({"replicas": 0}, SCALE),
        ({"paused": True}, RESTART),
    ],
)
async def test_the_actor_holds_the_approval_to_the_state_itself(change: Any, chosen: Any) -> None:
    acting = proposing()
    made = await approved(acting, chosen)
    acting.api.put(Kind.DEPLOYMENT, deployment(**change))
    ended = await acting.act(made)
    assert (ended.outcome, acting.api.writes) == (Outcome.CONFLICT, [])
    assert "is not any more what alice approved" in ended.reason
    assert acting.said(ActionStarted) == []


async def test_another_pod_of_the_same_name_was_not_approved() -> None:
    acting = proposing()
    made = await approved(acting, RESTART)
    pod = await acting.api.get(Kind.POD, NAMESPACE, "checkout-1-a")
    acting.api.remove(Kind.POD, NAMESPACE, "checkout-1-a")
    acting.api.put(Kind.POD, {**pod, "metadata": {**pod["metadata"], "uid": "younger"}})
    ended = await acting.act(made)
    assert (ended.outcome, acting.api.writes) == (Outcome.CONFLICT, [])


async def test_an_approval_of_something_else_is_none() -> None:
    acting = proposing()
    made = await approved(acting)
    assert made.approval is not None
    forged = made.approval.model_copy(update={"basis": Basis(uid="uid-checkout", digest="0")})
    ended = await acting.act(made.model_copy(update={"approval": forged}))
    assert (ended.outcome, acting.api.writes) == (Outcome.CONFLICT, [])
