from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ooda.actor import meters as actor
from ooda.decider import meters as decider
from ooda.orienter import meters as orienter

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.mark.parametrize("meters", [actor.Meters, decider.Meters, orienter.Meters])
def test_the_page_has_every_metric(meters: Callable[[CollectorRegistry], object]) -> None:
    registry = CollectorRegistry()
    meters(registry)
    page = PAGE.read_text("utf-8")
    for each in registry.collect():
        suffix = "_total" if each.type == "counter" else ""
        assert f"| `{each.name}{suffix}` |" in page
