"""What Roles and RoleBindings allow, and what is lost between two states of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.known_good import KnownGoodSpec
from ooda.common.permissions import Right, access_of, allowed, lost, rights_of

Raw = dict[str, Any]


def rule(verbs: str = "get", resources: str = "pods", groups: str = ",", names: str = "") -> Raw:
    return {
        "verbs": verbs.split(","),
        "resources": resources.split(","),
        "apiGroups": [""] if groups == "," else groups.split(","),
        **({"resourceNames": names.split(",")} if names else {}),
    }


def binding(
    kind: str = "ServiceAccount", name: str = "reader", role: str = "r", **more: Any
) -> Raw:
    return {
        "roleRef": {"kind": more.pop("to", "Role"), "name": role},
        "subjects": [{"kind": kind, "name": name, **more}],
    }


@pytest.mark.parametrize(
    ("bound", "count"),
    [
        pytest.param(binding(namespace="shop"), 1, id="the-account"),
        pytest.param(binding(), 1, id="of-its-own-namespace-unsaid"),
        pytest.param(binding(namespace="bank"), 0, id="of-another-namespace"),
        pytest.param(binding(name="writer"), 0, id="another-account"),
        pytest.param(binding("User", "system:serviceaccount:shop:reader"), 1, id="as-a-user"),
        pytest.param(binding("Group", "system:serviceaccounts:shop"), 1, id="its-group"),
        pytest.param(binding("Group", "system:authenticated"), 1, id="everybody"),
        pytest.param(binding("Group", "developers"), 0, id="another-group"),
        pytest.param(binding(role="gone"), 0, id="a-role-that-is-not-there"),
        pytest.param(binding(to="ClusterRole"), 1, id="a-cluster-role"),
        pytest.param({"subjects": None, "roleRef": 7}, 0, id="malformed"),
        pytest.param({"subjects": [7, {"kind": "User"}]}, 0, id="malformed-subjects"),
    ],
)
def test_who_is_bound_has_the_rights(bound: Raw, count: int) -> None:
    access = access_of("reader", "shop", {"r": {"rules": [rule()]}}, {"b": bound})
    assert len(rights_of(access)) == count


@pytest.mark.parametrize(
    ("mine", "asked", "may"),
    [
        pytest.param(Right("get", "", "pods"), Right("get", "", "pods"), True, id="same"),
        pytest.param(Right("get", "", "pods"), Right("get", "", "pods", "a"), True, id="named"),
        pytest.param(Right("get", "", "pods", "a"), Right("get", "", "pods"), False, id="all"),
        pytest.param(Right("*", "*", "*"), Right("get", "apps", "x/scale", "a"), True, id="any"),
        pytest.param(Right("get", "", "pods"), Right("get", "", "pods/log"), False, id="sub"),
        pytest.param(Right("get", "", "*/log"), Right("get", "", "pods/log"), True, id="any-sub"),
        pytest.param(Right("get", "apps", "pods"), Right("get", "", "pods"), False, id="group"),
    ],
)
def test_a_right_covers_what_the_api_server_says_it_does(
    mine: Right, asked: Right, *, may: bool
) -> None:
    assert mine.covers(asked) is may


@pytest.mark.parametrize(
    ("before", "now", "gone"),
    [
        pytest.param([rule("get,list")], [rule("list")], {"get pods"}, id="a-verb"),
        pytest.param([rule("get")], [rule("get,list")], set(), id="widened"),
        pytest.param([rule("get,list")], [rule("list"), rule("get")], set(), id="split"),
        pytest.param([rule("get")], [rule("*", "*")], set(), id="by-a-wildcard"),
        pytest.param([rule("*")], [rule("get,list")], {"* pods"}, id="a-wildcard"),
        pytest.param([rule()], [rule(names="a,b")], {"get pods"}, id="narrowed-to-objects"),
        pytest.param([rule(names="a,b")], [rule(names="a")], {"get pods b"}, id="one-object"),
        pytest.param([rule(groups="apps")], [], {"get pods.apps"}, id="all-of-it"),
        pytest.param([{"verbs": "get", "resources": None}], [], set(), id="malformed"),
    ],
)
def test_what_is_lost_is_what_no_rule_covers_any_more(
    before: list[Raw], now: list[Raw], gone: set[str]
) -> None:
    states = [
        access_of("reader", "shop", {"r": {"rules": each}}, {"b": binding()})
        for each in (before, now)
    ]
    assert {str(each) for each in lost(*states)} == gone


ROLES = st.lists(
    st.builds(
        rule,
        st.sampled_from(["get", "get,list", "*", "watch"]),
        st.sampled_from(["pods", "pods,configmaps", "*", "pods/log"]),
        names=st.sampled_from(["", "a", "a,b"]),
    ),
    max_size=4,
)


@given(ROLES, ROLES)
def test_nothing_is_lost_that_is_still_allowed_and_giving_it_back_gives_all_back(
    before: list[Raw], now: list[Raw]
) -> None:
    was, is_now, both = (
        access_of("reader", "shop", {"r": {"rules": each}}, {"b": binding()})
        for each in (before, now, [*now, *before])
    )
    gone = lost(was, is_now)
    assert not any(allowed(each, rights_of(is_now)) for each in gone)
    assert lost(was, both) == frozenset()
    assert lost(was, was) == frozenset()


def test_grants_survive_their_way_through_the_catalogue() -> None:
    access = access_of("reader", "shop", {"r": {"rules": [rule()]}}, {"b": binding()})
    spec = KnownGoodSpec(service_accounts={"reader": access})
    read = KnownGoodSpec.model_validate(spec.model_dump(mode="json", by_alias=True))
    assert read.service_accounts == {"reader": access}
