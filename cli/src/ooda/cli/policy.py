"""`ooda policy`: check a playbook, and have the policy explained, by the decider that runs."""

from pathlib import Path
from typing import Annotated

import typer

from ooda.cli.session import (
    NOT_WELL,
    UNUSABLE,
    Output,
    OutputOption,
    fail,
    finish,
    nats_settings,
    print_json,
    print_line,
)
from ooda.common.bus.consulting import CheckPlaybook, ExplainPolicy, Question, ask_policy

WaitOption = Annotated[
    float, typer.Option(min=0.1, max=60, help="Seconds that the decider has to answer.")
]

policy = typer.Typer(
    help="What the agent may do about what, in words.", no_args_is_help=True, add_completion=False
)


@policy.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A playbook in YAML.")],
    wait: WaitOption = 5.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have the decider that runs check a playbook, before it is given one.

    For example: `ooda policy check playbook.yaml`.

    Exit status: 0 it can be used; 1 it cannot, and each row and field that is wrong is named; 2
    the file cannot be read; 3 NATS or the decider is away.
    """
    try:
        text = file.read_text("utf-8")
        question = CheckPlaybook(text=text)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}", UNUSABLE)
    except ValueError:
        fail(f"{file} is too long for a playbook.", UNUSABLE)
    _ask(question, wait, output)


@policy.command("explain")
def explain(
    about: Annotated[
        str,
        typer.Argument(metavar="INCIDENT|CLASS", help="An id, how it begins, or a failure class."),
    ],
    wait: WaitOption = 5.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what the agent does about a failure class, or would do about an incident now.

    Of an incident all checks that stand in the way are told, of which the question to a person
    has the first only. Nothing is changed by asking.

    For example: `ooda policy explain crash_loop`, `ooda policy explain 3c56e9ac`.

    Exit status: 0; 1 the decider knows neither; 3 NATS or the decider is away.
    """
    _ask(ExplainPolicy(about=about), wait, output)


def _ask(question: Question, wait: float, output: Output) -> None:
    answer = finish(ask_policy(nats_settings(), question, wait))
    if output is Output.JSON:
        print_json({"ok": answer.error is None, "error": answer.error, "lines": answer.lines})
    else:
        for line in answer.lines:
            print_line(line)
        for problem in (answer.error or "").split("; ") if answer.error else ():
            print_line(problem)
    if answer.error is not None:
        raise typer.Exit(NOT_WELL)
