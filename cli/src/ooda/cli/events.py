"""`ooda events` and `ooda watch`: hear the loop while it turns."""

import datetime as dt
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ooda.cli.session import Output, OutputOption, finish, nats_settings
from ooda.common.bus.listening import Heard, account_of, listen
from ooda.common.events import (
    ActionExecuted,
    AnomalyFlagged,
    DecisionMade,
    Event,
    IncidentClosed,
    IncidentEvent,
)
from ooda.common.settings import NatsSettings

LOOP_SUBJECTS = (
    "anomaly.>",
    "diagnosis.>",
    "decision.>",
    "review.requested",
    "action.>",
    "incident.>",
    "dead.letter",
)
_COLOURS = {
    "anomaly": "yellow",
    "diagnosis": "cyan",
    "decision": "magenta",
    "review": "bold magenta",
    "action": "blue",
    "incident": "green",
    "dead": "bold red",
    "fault": "red",
}


def events(
    subject: Annotated[
        list[str] | None,
        typer.Option(help="A subject or pattern, such as 'anomaly.>'; may be given again."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=0, help="End after this many events; 0 goes on until Ctrl-C.")
    ] = 0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print events as they are published; nothing is consumed, nobody else misses one.

    Without `--subject` it hears everything but the snapshots. `--output json` prints one event a
    line, whole: `ooda events --subject 'telemetry.>' --output json | jq .workloads`.
    Subjects of one command have to be of one account: `fault.>` and `review.answered.>` are heard
    alone.
    """
    subjects = tuple(subject or LOOP_SUBJECTS)
    if len({account_of(each) for each in subjects}) > 1:
        raise typer.BadParameter("these subjects are of different accounts: hear them one by one")
    finish(_print_events(nats_settings(), subjects, count, output))


async def _print_events(
    settings: NatsSettings, subjects: tuple[str, ...], count: int, output: Output
) -> None:
    console = Console(soft_wrap=True, highlight=False)
    heard_so_far = 0
    async for heard in listen(settings, subjects):
        if output is Output.JSON:
            typer.echo(heard.payload.decode(errors="replace"))
        else:
            console.print(_line(heard))
        heard_so_far += 1
        if heard_so_far == count:
            return


def _line(heard: Heard) -> Text:
    try:
        event = heard.event()
    except ValueError as error:
        return Text(f"{heard.subject}: cannot be read ({str(error).splitlines()[0]})", "red")
    return Text.assemble(
        (f"{event.occurred_at:%H:%M:%S.%f}"[:-3], "dim"),
        f"  {heard.subject:<18} ",
        (event.summary, _colour(heard.subject)),
    )


def watch(
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only what happens in this one.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Follow the loop live: what is flagged, understood, decided, done, and how it ended.

    Each line has the seconds since its incident began. Ctrl-C ends it. `--output json` prints
    one event a line.
    """
    finish(_watch(nats_settings(), namespace, output))


async def _watch(settings: NatsSettings, namespace: str | None, output: Output) -> None:
    console = Console(soft_wrap=True, highlight=False)
    view = LoopView()
    if output is Output.TABLE:
        console.print(Text("Watching the loop; Ctrl-C ends.", "dim"))
    async for heard in listen(settings, LOOP_SUBJECTS):
        try:
            event = heard.event()
        except ValueError:
            console.print(_line(heard))
            continue
        if namespace and event.namespace != namespace:
            continue
        if output is Output.JSON:
            typer.echo(heard.payload.decode())
        else:
            console.print(view.line(heard.subject, event))


class LoopView:
    """Turns events into lines, with the time since the incident's first anomaly began."""

    def __init__(self) -> None:
        self._began: dict[str, dt.datetime] = {}

    def line(self, subject: str, event: Event) -> Text:
        """Render one event."""
        incident = event.incident_id if isinstance(event, IncidentEvent) else None
        began = self._beginning(event, incident)
        offset = f"+{(event.occurred_at - began).total_seconds():6.1f} s" if began else " " * 9
        if isinstance(event, IncidentClosed):
            self._began.pop(event.incident_id, None)
        return Text.assemble(
            (f"{event.occurred_at:%H:%M:%S} ", "dim"),
            (f"{(incident or '')[:8]:<8} ", "dim"),
            (f"{offset} ", "dim"),
            (f"{subject:<18} ", _colour(subject)),
            (event.summary, _emphasis(event)),
        )

    def _beginning(self, event: Event, incident: str | None) -> dt.datetime | None:
        if isinstance(event, AnomalyFlagged):
            return event.since
        if incident is None:
            return None
        anomalies = getattr(event, "anomalies", ())
        times = [each.since for each in anomalies if hasattr(each, "since")]
        return self._began.setdefault(incident, min(times, default=event.occurred_at))


def _colour(subject: str) -> str:
    return _COLOURS.get(subject.partition(".")[0], "")


def _emphasis(event: Event) -> str:
    match event:
        case DecisionMade() | ActionExecuted() | IncidentClosed():
            return "bold"
        case _:
            return ""
