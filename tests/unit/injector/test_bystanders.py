"""Who is a bystander, and who of them is hit."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from factories.objects import deployment
from ooda.injector.core.bystanders import healthy, hit, ill, since

T0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TARGET = deployment("cart")
WEB, DB = deployment("web"), deployment("db", kind="StatefulSet")
SHORT, NONE = deployment("web", replicas=2, ready=1), deployment("web", replicas=0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([TARGET, WEB, DB], ("Deployment/web", "StatefulSet/db")),
        ([TARGET], ()),
        ([TARGET, SHORT], ()),
        ([TARGET, NONE], ()),
    ],
)
def test_who_should_be_spared(found: Sequence[Any], expected: tuple[str, ...]) -> None:
    assert healthy(found, TARGET) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([WEB], set()),
        ([SHORT], {"Deployment/web"}),
        ([NONE], set()),  # somebody wanted it so
        ([], {"Deployment/web"}),
        ([deployment("web", kind="StatefulSet")], {"Deployment/web"}),
    ],
)
def test_who_is_ill(found: Sequence[Any], expected: set[str]) -> None:
    assert ill(found, ["Deployment/web"]) == expected


def test_only_who_is_ill_without_a_break_is_hit() -> None:
    at = [T0 + dt.timedelta(seconds=each) for each in range(8)]
    known = since({}, ["a", "b"], at[0])
    known = since(known, ["a"], at[2])
    known = since(known, ["a", "b"], at[3])
    assert known == {"a": at[0], "b": at[3]}
    assert hit(known, at[4], 5) == {}
    assert hit(known, at[5], 5) == {"a": at[0]}
    assert hit(known, at[7], 5) == {"a": at[0]}
    assert since(known, [], at[7]) == {}
