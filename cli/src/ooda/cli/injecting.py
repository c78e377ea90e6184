"""`ooda inject`: ask for a fault, follow it, and take it back before leaving."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ooda.cli.batches import BatchError, parse_batch, seconds_of
from ooda.cli.batching import Batching, default_folder
from ooda.cli.following import Wanted, follow, new_request
from ooda.cli.results import Results, ResultsError
from ooda.cli.session import (
    INTERRUPTED,
    NOT_WELL,
    UNUSABLE,
    Output,
    OutputOption,
    fail,
    finish,
    load_settings,
    nats_settings,
    print_json,
    print_line,
)
from ooda.common.bus.injecting import TryFault, ask_injector
from ooda.common.events import FaultEvent, FaultRequested
from ooda.common.settings import NatsSettings


def duration_of(text: str) -> float:
    """Return the seconds of ``90s`` or ``2m``. Raises BadParameter."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def inject(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="See `ooda scenarios list`.")
    ] = None,
    *,
    target: Annotated[
        str | None,
        typer.Option(
            help="A Deployment, StatefulSet or DaemonSet: a name, StatefulSet/orders-db where"
            " several have it, or labels of exactly one: app=cart."
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="fault-injection-…")
    ] = None,
    duration: Annotated[str | None, typer.Option(help="When it ends by itself: 90s, 2m.")] = None,
    intensity: Annotated[
        str | None, typer.Option(help="How much, as the scenario has it: 30%, 32Mi, 1.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="name=value; may be given again.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="All checks, and what would be changed; no write.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(help="A list of runs, one after the other, in place of all else.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="With --file: the folder of its results, made if needed.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --file: leave out what --results has already.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Break something on purpose, in a namespace and a cluster where that is allowed.

    It is followed to its end. Ctrl-C takes it back, and waits until that is verified. If this
    command is killed the fault ends by itself at its time all the same.

    With `--file` a list of runs is made, and each is evaluated; a summary comes at the end.

    For example: `ooda inject pod-kill --target cart -n fault-injection-shop --duration 60s`.

    Exit status: 0 it has bitten, and the old state is back; 1 it was refused, nobody saw it bite,
    it was not made as a whole, or the old state did not come back; 2 wrong usage; 3 NATS, the
    injector or the API server is away.
    """
    if file is not None:
        if scenario or target or namespace or duration or intensity or parameter or dry_run:
            raise typer.BadParameter("a list of runs says all of that itself", param_hint="--file")
        if resume and results is None:
            raise typer.BadParameter("say which results, by --results", param_hint="--resume")
        _batch(file, results, resume=resume)
        return
    if scenario is None or target is None or namespace is None or duration is None:
        raise typer.BadParameter("SCENARIO, --target, --namespace and --duration are needed")
    settings, nats = load_settings(), nats_settings()
    parameters = _parameters(parameter or [])
    seconds = duration_of(duration)
    wanted = Wanted(scenario, target, namespace, seconds, intensity, parameters)
    request = finish(new_request(settings, wanted))
    if dry_run:
        _try(nats, request, output)
        return
    followed = finish(follow(settings, nats, request, _shown(request, output)))
    if not followed.worked:
        raise typer.Exit(NOT_WELL)


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not sign or not name for name, sign, _ in pairs):
        raise typer.BadParameter("a parameter is name=value")
    return {name: value for name, _, value in pairs}


def _try(nats: NatsSettings, request: FaultRequested, output: Output) -> None:
    answer = finish(ask_injector(nats, TryFault(request=request), 15.0))
    if output is Output.JSON:
        print_json({"code": answer.code, "error": answer.error, "lines": answer.lines})
    elif answer.error is not None:
        fail(f"{answer.code}: {answer.error}", NOT_WELL)
    else:
        for line in answer.lines:
            print_line(line)
        print_line("Nothing was written: it is a dry run.")
    if answer.error is not None:
        raise typer.Exit(NOT_WELL)


def _shown(request: FaultRequested, output: Output) -> Callable[[FaultEvent], None]:
    if output is Output.TABLE:
        print_line(f"Run {request.run_id}; Ctrl-C takes it back.")

    def show(event: FaultEvent) -> None:
        if output is Output.JSON:
            print_json(event.model_dump(mode="json") | {"subject": event.subject})
        else:
            print_line(f"{event.occurred_at:%H:%M:%S}  {event.subject:<22} {event.summary}")

    return show


def _batch(file: Path, folder: Path | None, *, resume: bool) -> None:
    """Make the runs of a file; what is done is summarised however it ends."""
    settings, nats = load_settings(), nats_settings()
    results = Results(folder or default_folder(file))
    try:
        text = file.read_text()
        batch, runs = parse_batch(text)
        results.begin(text, resume=resume)
        well = interrupted = False
        try:
            well = finish(Batching(settings, nats, results, batch.settle).run(runs))
        except (asyncio.CancelledError, KeyboardInterrupt):
            interrupted = True
        finally:
            for line in results.summarise([each.name for each in runs]).splitlines():
                print_line(line)
    except BatchError as error:
        fail(f"{file}: {error}", UNUSABLE)
    except (ResultsError, OSError) as error:
        fail(str(error), UNUSABLE)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not well:
        raise typer.Exit(NOT_WELL)
