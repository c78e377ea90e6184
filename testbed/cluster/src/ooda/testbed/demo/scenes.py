"""What a person sees of the demo. Pure, but for the console that is written to."""

import datetime as dt
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ooda.common.audit.queries import TimelineEntry
from ooda.testbed.demo.faults import Fault
from ooda.testbed.demo.turn import Turn

_COLOURS = {
    "anomaly": "yellow",
    "diagnosis": "cyan",
    "decision": "magenta",
    "action": "blue",
    "incident": "green",
    "review": "bold red",
    "dead": "bold red",
}


class Scenes:
    """Prints the demo, line by line."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        """Print one sentence."""
        self._console.print(Text(sentence))

    def opening(self, number: int, fault: Fault) -> None:
        """Announce a fault, with the command that anybody could type."""
        self._console.print()
        self._console.rule(Text(f"{number}. {fault.deployment}: {fault.title}", "bold"))
        self._console.print(Text(f"$ ooda inject {' '.join(fault.arguments)}", "dim"))

    def injector(self, line: str) -> None:
        """Print what the command says that breaks the shop."""
        self._console.print(Text(line, "dim"))

    def event(self, after: dt.timedelta, subject: str, summary: str) -> None:
        """Print what was said on the bus."""
        colour = _COLOURS.get(subject.partition(".")[0], "")
        self._console.print(_line(after, subject, summary, colour))

    def approval(self, review_id: str, told: str) -> None:
        """Print the command with which a person approved, and what it answered."""
        self._console.print(Text(f"$ ooda review approve {review_id}", "dim"))
        self._console.print(Text(told.rstrip(), "bold"))

    def healthy(self, after: dt.timedelta, fault: Fault) -> None:
        """Print that the Deployment is whole."""
        sentence = f"{fault.deployment} has all of its pods, says the API server"
        self._console.print(_line(after, "healthy", sentence, "bold green"))

    def chain(self, fault: Fault, stored: Sequence[TimelineEntry]) -> None:
        """Print one incident as the database has it."""
        table = Table("stored", "event", "what it says", box=None, pad_edge=False)
        table.title = f"{fault.deployment}: {fault.title}"
        table.title_justify = "left"
        for each in stored:
            when = f"{each.stored_at.astimezone(dt.UTC):%H:%M:%S.%f}"[:-3]
            table.add_row(when, each.subject, Text(each.summary or ""))
        self._console.print(table)
        self._console.print()

    def results(self, turns: Sequence[tuple[Fault, Turn]]) -> None:
        """Print when each stage of each turn was reached."""
        table = Table("fault", "flagged", "diagnosed", "applied", "healthy", "outcome")
        for fault, turn in turns:
            stages = (turn.flagged, turn.diagnosed, turn.applied, turn.healthy)
            table.add_row(
                Text(f"{fault.deployment}: {fault.title}"),
                *(_after(turn, moment) for moment in stages),
                _outcome(turn),
            )
        self._console.print(table)
        self._console.print(Text("Times count from the command that broke it.", "dim"))


def _line(after: dt.timedelta, subject: str, summary: str, colour: str) -> Text:
    return Text.assemble(
        (f"+{after.total_seconds():6.1f} s  ", "dim"), (f"{subject:<18} ", colour), summary
    )


def _after(turn: Turn, moment: dt.datetime | None) -> str:
    return f"{(moment - turn.broken).total_seconds():.1f} s" if moment else "never"


def _outcome(turn: Turn) -> Text:
    if turn.healed:
        return Text("healed, as approved" if turn.approved else "healed", "green")
    if turn.asked:
        return Text(f"a person is asked: {turn.asked}", "red")
    return Text("not healed", "red")
