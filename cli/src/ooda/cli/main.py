"""The `ooda` command: one client for people, to all of the product."""

import importlib.metadata
from typing import Annotated

import typer

from ooda.cli.audit import audit, dead_letter, incidents, review, show
from ooda.cli.doctor import doctor
from ooda.cli.events import events, watch
from ooda.cli.status import status
from ooda.cli.stopping import resume, stop

app = typer.Typer(
    help="Autonomous SRE for Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold passwords
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(doctor)
app.command()(status)
app.command()(watch)
app.command()(events)
app.command()(incidents)
app.command()(show)
app.add_typer(review, name="review")
app.add_typer(dead_letter, name="dead-letter")
app.add_typer(audit, name="audit")
app.command()(stop)
app.command()(resume)


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
