"""`ooda runs` and `ooda abort`: the journal of faults, by the API server alone."""

import asyncio
import datetime as dt
import getpass
from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import ValidationError

from ooda.cli.reporting import facts_of
from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    load_settings,
    nats_settings,
    print_facts,
    print_json,
    print_line,
    print_table,
)
from ooda.common.bus.injecting import EvaluateRun, ask_injector
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import ClusterReader, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import OWN_NAMESPACE, abort_run
from ooda.common.fault_runs import FINAL, FaultRun, Phase
from ooda.common.settings import Settings

NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="The injector's own.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="An id, or how it begins.")]
WaitOption = Annotated[
    float, typer.Option(min=0.1, max=60, help="Seconds that the injector has to answer.")
]

runs = typer.Typer(
    help="Faults that were injected: the journal.", no_args_is_help=True, add_completion=False
)


@runs.command("list")
def list_runs(
    namespace: NamespaceOption = OWN_NAMESPACE, output: OutputOption = Output.TABLE
) -> None:
    """List the runs, newest first, with how far each is.

    For example: `ooda runs list`.

    Exit status: 0; 3 the API server is away or refuses.
    """
    found = finish(_read(load_settings(), namespace))
    if output is Output.JSON:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_table(
        ("run", "began (UTC)", "where", "phase", "ended by", "what is wrong"),
        [
            (
                each.run_id,
                f"{_began(each):%m-%d %H:%M:%S}",
                f"{each.namespace}/{each.target}",
                str(each.phase),
                str(each.ending or ""),
                each.problem,
            )
            for each in found
        ],
        empty="There was no run.",
    )


@runs.command("show")
def show(
    run: RunArgument,
    namespace: NamespaceOption = OWN_NAMESPACE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one run: what it changed, what became of it, and when.

    For example: `ooda runs show pod-kill-3f`.

    Exit status: 0; 1 there is no such run, or several; 3 the API server is away or refuses.
    """
    found = _only(finish(_read(load_settings(), namespace)), run)
    if output is Output.JSON:
        print_json(found.model_dump(mode="json"))
        return
    facts = {
        "run": found.run_id,
        "where": f"{found.namespace}/{found.target}",
        "phase": str(found.phase),
        "ended by": str(found.ending or ""),
        "what is wrong": found.problem or "nothing",
        "class": str(found.truth.failure_class),
        "component": str(found.truth.component),
    }
    for number, each in enumerate(found.steps, start=1):
        state = each.undone or ("done" if each.done else "not done")
        told = "".join(f", {name} {value:g}" for name, value in sorted(each.realised.items()))
        wrong = f" ({each.problem})" if each.problem else ""
        facts[f"step {number}"] = f"{each.step.kind} {each.step.object}: {state}{told}{wrong}"
    for stage, at in sorted(found.times.items(), key=lambda item: item[1]):
        facts[stage] = at.isoformat(timespec="milliseconds")
    print_facts(facts)


@runs.command("report")
def report(
    run: RunArgument,
    namespace: NamespaceOption = OWN_NAMESPACE,
    wait: WaitOption = 10.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Evaluate one run: every stage in milliseconds, right or wrong, and who repaired it.

    The injector reads it from the run's journal and from what was said on the bus meanwhile; of a
    run that is not over, as far as it is. Without an agent its stages are empty.

    For example: `ooda runs report pod-kill-3f -o json`.

    Exit status: 0, however the agent did; 1 there is no such run, or several, or it cannot be
    evaluated; 3 the API server, NATS or the injector is away.
    """
    found = _only(finish(_read(load_settings(), namespace)), run)
    question = EvaluateRun(run_id=found.run_id)
    answer = finish(ask_injector(nats_settings(), question, wait))
    if answer.report is None:
        fail(f"{answer.code}: {answer.error}", NOT_WELL)
    if output is Output.JSON:
        print_json(answer.report.model_dump(mode="json"))
    else:
        print_facts(facts_of(answer.report))


def abort(
    run: RunArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    wait: Annotated[float, typer.Option(min=0, max=900, help="Seconds to wait for its end.")] = 300,
    namespace: NamespaceOption = OWN_NAMESPACE,
) -> None:
    """Take a fault back now, and wait until the old state is verified.

    It is written into the run's journal and needs neither NATS nor the injector: where that is
    dead, the reaper does it.

    For example: `ooda abort pod-kill-3f`.

    Exit status: 0 the old state is back; 1 it is not, or there is no such run; 3 the API server is
    away or refuses.
    """
    settings = load_settings()
    found = _only(finish(_read(settings, namespace)), run)
    end = finish(_abort(settings, namespace, found, reason, wait))
    if end.phase is Phase.ENDED:
        print_line(f"Run {end.run_id} is over ({end.ending}): the old state is back.")
        return
    why = end.problem or f"it is still {end.phase} after {wait:g} s"
    fail(f"Run {end.run_id}: {why}", NOT_WELL)


async def _abort(
    settings: Settings, namespace: str, run: FaultRun, reason: str, wait: float
) -> FaultRun:
    async with ApiServer.connect(settings.cluster) as api:
        if run.phase not in FINAL:
            now, by = SystemClock().now(), getpass.getuser()
            await abort_run(api, run.run_id, by, now, reason=reason, namespace=namespace)
        return await ended_run(api, run.run_id, wait, namespace)


async def ended_run(
    api: ClusterReader, run_id: str, wait: float, namespace: str = OWN_NAMESPACE
) -> FaultRun:
    """Return a run once it is over, or as it is after so many seconds. Raises ClusterError."""
    ends = asyncio.get_running_loop().time() + wait
    while True:
        live = await api.get(Kind.FAULT_RUN, namespace, run_id)
        run = FaultRun.model_validate(live["spec"])
        if run.phase in FINAL or asyncio.get_running_loop().time() >= ends:
            return run
        await asyncio.sleep(0.2)


async def _read(settings: Settings, namespace: str) -> Sequence[FaultRun]:
    async with ApiServer.connect(settings.cluster) as api:
        listed = await api.list(Kind.FAULT_RUN, namespace)
    found = [each for each in map(_run, listed) if each is not None]
    return sorted(found, key=_began, reverse=True)


def _run(live: Object) -> FaultRun | None:
    try:
        return FaultRun.model_validate(live["spec"])
    except ValidationError:
        print_line(f"FaultRun {live['metadata']['name']} cannot be read: it is no run of ours.")
        return None


def _began(run: FaultRun) -> dt.datetime:
    return min(run.times.values(), default=dt.datetime.min.replace(tzinfo=dt.UTC))


def _only(found: Sequence[FaultRun], beginning: str) -> FaultRun:
    matching = [each for each in found if each.run_id.startswith(beginning)]
    exact = [each for each in matching if each.run_id == beginning] or matching
    if len(exact) != 1:
        many = "are several runs that begin" if exact else "is no run that begins"
        fail(f"There {many} with {beginning!r}: see `ooda runs list`.", NOT_WELL)
    return exact[0]
