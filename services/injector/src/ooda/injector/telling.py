"""Scenarios and steps in words. Pure."""

from collections.abc import Sequence

from ooda.common.bus.injecting import ScenarioParameter, ScenarioRow
from ooda.common.fault_runs import ChangeStep, CreateStep, DeletePodStep, FaultRun, Step
from ooda.injector.core.scenario import IntegerParameter, NameParameter, Parameter, Scenario


def row_of(scenario: Scenario) -> ScenarioRow:
    """Return a scenario as people are told of it."""
    return ScenarioRow(
        id=scenario.id,
        title=scenario.title,
        changes=scenario.changes,
        undo=scenario.undo,
        failure_class=str(scenario.truth.failure_class),
        max_seconds=scenario.max_seconds,
        intensity=scenario.intensity,
        parameters=tuple(
            ScenarioParameter(
                name=name,
                about=each.about,
                bounds=_bounds(each),
                default=None if each.default is None else str(each.default),
            )
            for name, each in scenario.parameters.items()
        ),
    )


def _bounds(parameter: Parameter) -> str:
    match parameter:
        case IntegerParameter():
            return f"{parameter.minimum} to {parameter.maximum} {parameter.unit}".rstrip()
        case NameParameter():
            return "a name"


def lines_of(run: FaultRun, undo: str) -> Sequence[str]:
    """Return what a run would do, a sentence for each step, for how long, and how it ends."""
    said = [_sentence(each.step) for each in run.steps]
    ends = f"It ends by itself after {run.duration_seconds:g} s, or with `ooda abort`: {undo}."
    return (*said, ends)


def _sentence(step: Step) -> str:
    match step:
        case ChangeStep(object=where, changes=changes):
            told = ", ".join(f"{each.path} from {each.before} to {each.after}" for each in changes)
            return f"Change {where}: {told}."
        case DeletePodStep(object=where):
            return f"Delete {where}."
        case CreateStep(object=where):
            return f"Create {where}."
