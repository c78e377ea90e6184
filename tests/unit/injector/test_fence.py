"""The fence as a function: what is not known is refused, whatever else is right."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.cluster.kinds import Kind
from ooda.injector.core.fence import (
    NAMESPACE,
    NOT_LOOKED,
    Asked,
    Facts,
    Inside,
    Limits,
    Named,
    Refusal,
    judge,
    parse_target,
)
from ooda.injector.library import load_scenarios

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HERE = "fault-injection-shop"
ASKED = Asked("r", "pod-kill", "uid", HERE, "cart", 60.0, NOW + dt.timedelta(seconds=30))
INSIDE = Inside(exists=True, matched=("Deployment/cart",), healthy=True)
FACTS = Facts(
    asked=ASKED,
    limits=Limits("uid", frozenset({HERE})),
    now=NOW,
    cluster="uid",
    stopped=None,
    scenario=load_scenarios()["pod-kill"],
    problem=None,
    replayed=False,
    quarantined=None,
    holders={},
    inside=INSIDE,
)


def code(**facts: Any) -> str | None:
    refusal = judge(replace(FACTS, **facts))
    return None if refusal is None else refusal.code


def test_what_may_be() -> None:
    assert judge(FACTS) is None
    assert judge(replace(FACTS, inside=None)) is NOT_LOOKED


def test_one_name_of_several_kinds_is_refused_by_naming_them() -> None:
    both = replace(INSIDE, matched=("Deployment/cart", "StatefulSet/cart"))
    assert judge(replace(FACTS, inside=both)) == Refusal(
        "too_many_targets",
        "cart is more than one: Deployment/cart, StatefulSet/cart; say which, as Kind/name.",
    )


def test_an_operator_who_has_set_nothing_has_allowed_nothing() -> None:
    assert code(limits=Limits()) == "not_pinned"
    assert code(limits=Limits("uid")) == "not_approved"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"cluster": "other"}, "wrong_cluster"),
        ({"replayed": True}, "replayed"),
        ({"now": NOW + dt.timedelta(seconds=30)}, "expired"),
        ({"scenario": None}, "unknown_scenario"),
        ({"problem": "no"}, "parameters"),
        ({"stopped": "alice"}, "stopped"),
        ({"quarantined": "r0"}, "quarantined"),
        ({"holders": {f"run-{HERE}": "r0"}}, "busy"),
        ({"inside": replace(INSIDE, exists=False)}, "no_namespace"),
        ({"inside": replace(INSIDE, matched=())}, "no_target"),
        ({"inside": replace(INSIDE, matched=("a", "b"))}, "too_many_targets"),
        ({"inside": replace(INSIDE, owner="Flux")}, "owned"),
        ({"inside": replace(INSIDE, healthy=False)}, "not_healthy"),
        ({"inside": replace(INSIDE, autoscaler="cart")}, None),  # it does not contest this one
    ],
)
def test_one_thing_is_wrong(facts: dict[str, Any], expected: str | None) -> None:
    assert code(**facts) == expected


@given(st.text(st.sampled_from("fault-injecoABC_.1\n "), max_size=40))
def test_no_other_name_is_one_of_a_namespace_to_break(name: str) -> None:
    if NAMESPACE.fullmatch(name):
        assert name.startswith("fault-injection-")
        assert name == name.strip().lower()


@given(
    wrong=st.fixed_dictionaries(
        {},
        optional={
            "cluster": st.just("other"),
            "replayed": st.sampled_from([True]),
            "scenario": st.none(),
            "stopped": st.just("alice"),
            "quarantined": st.just("r0"),
            "inside": st.sampled_from([None, Inside(exists=False), Inside(exists=True)]),
        },
    )
)
def test_whatever_is_wrong_with_it_nothing_is_let_through(wrong: dict[str, Any]) -> None:
    verdict = judge(replace(FACTS, **wrong))
    assert (verdict is None) is (not wrong)
    assert verdict is None or isinstance(verdict, Refusal)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("cart", Named("cart")),
        ("StatefulSet/orders-db", Named("orders-db", Kind.STATEFUL_SET)),
        ("daemonset/agent", Named("agent", Kind.DAEMON_SET)),
        ("Pod/cart-1", None),
        ("apps/Deployment/cart", None),
        ("/cart", None),
        ("Deployment/", None),
        ("Deployment/Cart", None),
        ("app=cart", {"app": "cart"}),
        ("app.kubernetes.io/name=cart,tier=web", {"app.kubernetes.io/name": "cart", "tier": "web"}),
        ("", {}),
        (" , ", {}),
        ("=", {}),
        ("app=", None),
        ("app!=cart", None),
        ("Cart", None),
        ("cart;x", None),
        ("app=cart,", None),
        ("*", None),
    ],
)
def test_what_a_target_means(target: str, meant: object) -> None:
    assert parse_target(target) == meant
