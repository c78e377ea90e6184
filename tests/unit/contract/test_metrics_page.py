from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from ooda.actor import meters as actor
from ooda.decider import meters as decider
from ooda.orienter import meters as orienter
from ooda.orienter.model.instruments import instruments
from ooda.orienter.settings import ModelSettings

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def of_the_model(registry: CollectorRegistry) -> object:
    return instruments(registry, NoOpTracer(), ModelSettings(name="any"))


@pytest.mark.parametrize("meters", [actor.Meters, decider.Meters, orienter.Meters, of_the_model])
def test_the_page_has_every_metric(meters: Callable[[CollectorRegistry], object]) -> None:
    registry = CollectorRegistry()
    meters(registry)
    page = PAGE.read_text("utf-8")
    for each in registry.collect():
        suffix = "_total" if each.type == "counter" else ""
        assert f"| `{each.name}{suffix}` |" in page
