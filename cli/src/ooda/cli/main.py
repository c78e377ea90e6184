"""The `ooda` command: one client for people, to all of the product."""

import importlib.metadata
from typing import Annotated

import typer

from ooda.cli.lazy import Later, lazily

COMMANDS = {
    "doctor": Later(
        "ooda.cli.doctor",
        "doctor",
        "Ask NATS, Postgres and the API server whether they can be used, all at once.",
    ),
    "status": Later(
        "ooda.cli.status",
        "status",
        "Ask every service of the loop how it is, and whether the agent was stopped.",
    ),
    "watch": Later(
        "ooda.cli.events",
        "watch",
        "Follow the loop live: what is flagged, understood, decided, done, and how it ended.",
    ),
    "events": Later(
        "ooda.cli.events",
        "events",
        "Print events as they are published; nothing is consumed, nobody else misses one.",
    ),
    "incidents": Later(
        "ooda.cli.audit",
        "incidents",
        "List incidents, newest first. `ooda show ID` tells one's whole story.",
    ),
    "show": Later(
        "ooda.cli.audit",
        "show",
        "Tell one incident's whole story: every event, the evidence, what was written.",
    ),
    "graph": Later(
        "ooda.cli.graph",
        "graph",
        "Show the dependency graph by which the agent finds out where a failure comes from.",
    ),
    "review": Later(
        "ooda.cli.reviews", "review", "What waits for a person, and a person's answers."
    ),
    "policy": Later("ooda.cli.policy", "policy", "What the agent may do about what, in words."),
    "mode": Later(
        "ooda.cli.modes", "mode", "Show how far the agent may go in a namespace, or set it."
    ),
    "scenarios": Later("ooda.cli.scenarios", "scenarios", "What can be broken on purpose."),
    "inject": Later(
        "ooda.cli.injecting",
        "inject",
        "Break something on purpose, in a namespace and a cluster where that is allowed.",
    ),
    "runs": Later("ooda.cli.runs", "runs", "Faults that were injected: the journal."),
    "abort": Later(
        "ooda.cli.runs", "abort", "Take a fault back now, and wait until the old state is verified."
    ),
    "dead-letter": Later(
        "ooda.cli.dead_letters", "dead_letter", "Events that could not be handled."
    ),
    "audit": Later("ooda.cli.audit", "audit", "The trail in Postgres."),
    "stop": Later(
        "ooda.cli.stopping",
        "stop",
        "Stop the agent from changing anything, at once, until `ooda resume`.",
    ),
    "resume": Later("ooda.cli.stopping", "resume", "Let the agent act again after `ooda stop`."),
}

app = typer.Typer(
    cls=lazily(COMMANDS),
    help="Autonomous SRE for Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold passwords
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        typer.echo(f"ooda {importlib.metadata.version('ooda-cli')}")
        raise typer.Exit


@app.callback()
def ooda(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """Watch, break and repair a Kubernetes cluster; begin with `ooda doctor`."""
