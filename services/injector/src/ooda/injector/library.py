"""The scenarios of the package, read once at the start: a wrong one stops the injector."""

from collections.abc import Mapping
from importlib.resources import files

from ooda.injector.core.scenario import Scenario, parse_scenario


def load_scenarios() -> Mapping[str, Scenario]:
    """Return every scenario by id, in order. Raises ScenarioError."""
    folder = files("ooda.injector") / "scenarios"
    named = sorted(each.name for each in folder.iterdir() if each.name.endswith(".yaml"))
    found = (
        parse_scenario(name.removesuffix(".yaml"), (folder / name).read_text("utf-8"))
        for name in named
    )
    return {each.id: each for each in found}
