"""`ooda events` and `ooda watch`: hear the loop while it turns."""

import datetime as dt
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ooda.cli.inert import inert, inert_json
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
from ooda.common.topology import LOOP

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
    For example: `ooda events --subject 'action.>' --count 1` waits for the next action.

    Subjects of one command have to be of one account: `fault.>` and `review.answered.>` are heard
    alone.
    """
    subjects = tuple(subject or LOOP.subjects)
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
            typer.echo(as_json(heard))
        else:
            console.print(line(heard))
        heard_so_far += 1
        if heard_so_far == count:
            return


def as_json(heard: Heard) -> str:
    """Return an event as one line of JSON; of what is none: where it was said, and its text."""
    text = heard.payload.decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        text = json.dumps({"subject": heard.subject, "unreadable": text})
    return " ".join(inert_json(text).split("\n"))


def line(heard: Heard) -> Text:
    """Return an event as a line to read."""
    try:
        event = heard.event()
    except ValueError as error:
        said = inert(f"{heard.subject}: cannot be read ({str(error).splitlines()[0]})")
        return Text(said, "red")
    return Text.assemble(
        (f"{event.occurred_at:%H:%M:%S.%f}"[:-3], "dim"),
        f"  {inert(heard.subject):<18} ",
        (inert(event.summary), _colour(heard.subject)),
    )


def watch(
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only what happens in this one.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Follow the loop live: what is flagged, understood, decided, done, and how it ended.

    For example: `ooda watch -n fault-injection-shop`.

    Each line has the seconds since its incident began. Ctrl-C ends it. `--output json` prints
    one event a line.
    """
    finish(_watch(nats_settings(), namespace, output))


async def _watch(settings: NatsSettings, namespace: str | None, output: Output) -> None:
    console = Console(soft_wrap=True, highlight=False)
    unreadable = Console(soft_wrap=True, highlight=False, stderr=True)
    view = LoopView()
    if output is Output.TABLE:
        console.print(Text("Watching the loop; Ctrl-C ends.", "dim"))
    async for heard in listen(settings, LOOP.subjects):
        try:
            event = heard.event()
        except ValueError:
            # On standard error: what is printed here otherwise has one namespace, and is JSON.
            unreadable.print(line(heard))
            continue
        if namespace and event.namespace != namespace:
            continue
        if output is Output.JSON:
            typer.echo(as_json(heard))
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
            (f"{inert((incident or '')[:8]):<8} ", "dim"),
            (f"{offset} ", "dim"),
            (f"{inert(subject):<18} ", _colour(subject)),
            (inert(event.summary), _emphasis(event)),
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
