"""`ooda scenarios`: what can be broken, as the injector that runs tells it."""

from typing import Annotated

import typer

from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    nats_settings,
    print_facts,
    print_json,
    print_line,
    print_table,
)
from ooda.common.bus.injecting import (
    DescribeScenario,
    ListScenarios,
    Question,
    ScenarioRow,
    ask_injector,
)

WaitOption = Annotated[
    float, typer.Option(min=0.1, max=60, help="Seconds that the injector has to answer.")
]
ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="See `ooda scenarios list`.")
]

scenarios = typer.Typer(
    help="What can be broken on purpose.", no_args_is_help=True, add_completion=False
)


@scenarios.command("list")
def list_scenarios(wait: WaitOption = 5.0, output: OutputOption = Output.TABLE) -> None:
    """List what can be broken, with the failure class that the agent should find.

    For example: `ooda scenarios list`.

    Exit status: 0; 3 NATS or the injector is away.
    """
    found = _ask(ListScenarios(), wait)
    if output is Output.JSON:
        print_json([each.model_dump() for each in found])
        return
    print_table(
        ("scenario", "class", "what it is"),
        [(each.id, each.failure_class, each.title) for each in found],
        empty="There is no scenario.",
    )


@scenarios.command("describe")
def describe(
    scenario: ScenarioArgument, wait: WaitOption = 5.0, output: OutputOption = Output.TABLE
) -> None:
    """Show everything about one scenario: its parameters, their bounds, the class to be found.

    For example: `ooda scenarios describe pod-kill`.

    Exit status: 0; 1 there is no such scenario; 3 NATS or the injector is away.
    """
    (found,) = _ask(DescribeScenario(scenario=scenario), wait)
    if output is Output.JSON:
        print_json(found.model_dump())
        return
    facts = {
        "scenario": found.id,
        "what it is": found.title,
        "changes": found.changes,
        "undo": found.undo,
        "class": found.failure_class,
        "at most": f"{found.max_seconds:g} s",
        "intensity": found.intensity or "none",
    }
    for each in found.parameters:
        default = {None: "needed", "": "may be left out"}.get(
            each.default, f"default {each.default}"
        )
        facts[f"parameter {each.name}"] = f"{each.about}: {each.bounds}, {default}"
    print_facts(facts)


@scenarios.command("explain")
def explain(scenario: ScenarioArgument, wait: WaitOption = 5.0) -> None:
    """Say in prose what a scenario changes, for how long, and how that is taken back.

    For example: `ooda scenarios explain service-misroute`. What it would do to one target,
    exactly, is told by `ooda inject ... --dry-run`.

    Exit status: 0; 1 there is no such scenario; 3 NATS or the injector is away.
    """
    (found,) = _ask(DescribeScenario(scenario=scenario), wait)
    print_line(f"{found.title}. It changes {found.changes}.")
    print_line(
        f"It ends by itself after the time that you say, {found.max_seconds:g} s at most, or with "
        f"`ooda abort`: {found.undo}."
    )
    print_line("What was changed meanwhile by somebody else, such as the agent, is respected:")
    print_line("what is as before already is left alone. Then the old state is verified.")


def _ask(question: Question, wait: float) -> tuple[ScenarioRow, ...]:
    answer = finish(ask_injector(nats_settings(), question, wait))
    if answer.error is not None:
        fail(answer.error, NOT_WELL)
    return answer.scenarios
