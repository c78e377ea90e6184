from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from shop.switches import Switches


@pytest.mark.parametrize(
    ("data", "held"),
    [
        pytest.param({"a.b": "open"}, True, id="open"),
        pytest.param({"a.b": " open\n"}, True, id="space around it does not matter"),
        pytest.param({"a.b": "auto"}, False, id="auto"),
        pytest.param({}, False, id="no key"),
        pytest.param({"a.b": "OPEN!"}, False, id="an unknown value counts as auto"),
        pytest.param({"a.c": "open"}, False, id="another edge"),
    ],
)
def test_what_a_value_means(data: Mapping[str, str], held: bool) -> None:  # noqa: FBT001
    switches = Switches()
    switches.accept(data)
    assert switches.holds_open("a.b") is held


def test_an_unknown_value_is_logged() -> None:
    with capture_logs() as logs:
        Switches().accept({"a.b": "closed"})
    assert [(entry["event"], entry["edge"], entry["value"]) for entry in logs] == [
        ("unknown circuit breaker value", "a.b", "closed")
    ]


def test_a_key_that_goes_away_lets_the_edge_go() -> None:
    switches = Switches()
    switches.accept({"a.b": "open"})
    switches.accept({})
    assert not switches.holds_open("a.b")
