import datetime as dt
from typing import Any

import pytest

from ooda.common.known_good import KnownGoodSpec, KnownWorkload, last_good_template

A, B, C = ({"spec": {"image": each}} for each in "abc")


@pytest.mark.parametrize(
    ("templates", "current", "back_to"),
    [
        pytest.param((A, B), C, B, id="a-new-release-that-is-bad"),
        pytest.param((A, B), B, None, id="the-newest-good-one-is-live"),
        pytest.param((A, B), A, B, id="an-older-good-one-is-live"),
        pytest.param((A,), A, None, id="the-only-one-is-live"),
        pytest.param((), A, None, id="none-was-good-yet"),
    ],
)
def test_it_goes_back_to_the_newest_that_was_good_and_never_behind_it(
    templates: tuple[Any, ...], current: Any, back_to: Any
) -> None:
    known = KnownWorkload(templates=templates, healthy_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    spec = KnownGoodSpec(workloads={"Deployment/checkout": known})
    assert last_good_template(spec, "Deployment", "checkout", current) == back_to
    assert last_good_template(spec, "Deployment", "cart", current) is None
