"""One incident's story for a person: each event with its time, and the evidence behind it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ooda.cli.explaining import consulted, explained
from ooda.cli.inert import inert
from ooda.common.audit.queries import TimelineEntry

_WIDTH = 160
"""Characters of an excerpt that are shown; `--output json` has it whole."""


def print_story(story: Sequence[TimelineEntry], *, explain: bool = False) -> None:
    """Print it, with every finding and vote if asked to; times count from its first event."""
    console = Console(soft_wrap=True, highlight=False)
    began = story[0].stored_at
    trace = next((each.trace_id for each in story if each.trace_id), None)
    console.print(Text(f"{began:%Y-%m-%d %H:%M:%S} UTC, trace {inert(trace or 'none')}", "dim"))
    for entry in story:
        offset = (entry.stored_at - began).total_seconds()
        console.print(
            Text.assemble(
                (f"+{offset:8.3f} s  ", "dim"),
                (f"{inert(entry.subject):<18} ", "cyan"),
                inert(entry.summary or "(cannot be shown)"),
            )
        )
        for line in details(entry.subject, entry.body or {}, explain=explain):
            console.print(Text(f"{'':13}{inert(line)}", "dim"))


def details(subject: str, body: Mapping[str, Any], *, explain: bool = False) -> Iterator[str]:
    """Yield the lines that stand behind an event's one sentence."""
    match subject:
        case "diagnosis.ready" if explain and body:
            yield from explained(body)
        case "anomaly.flagged":
            yield from _pairs(body.get("observed") or {})
        case "diagnosis.ready":
            yield from _diagnosis(body)
        case "decision.made":
            yield f"because {body.get('reason', '')}"
        case "review.requested":
            yield f"asks: {body.get('question', '')}"
        case "action.started":
            yield from _steps(body)
        case "action.executed":
            yield f"{body.get('outcome')}: {body.get('reason', '')}"
        case _:
            return


def _pairs(observed: Mapping[str, Any]) -> Iterator[str]:
    if observed:
        yield ", ".join(f"{key} {value}" for key, value in observed.items())[:_WIDTH]


def _diagnosis(body: Mapping[str, Any]) -> Iterator[str]:
    for hypothesis in (body.get("hypotheses") or [])[:3]:
        yield (
            f"{hypothesis['probability']:.3f} {hypothesis['failure_class']}"
            f" (for: {', '.join(hypothesis.get('agreeing') or ()) or 'nothing'};"
            f" against: {', '.join(hypothesis.get('contradicting') or ()) or 'nothing'})"
        )
    for finding in body.get("findings") or ():
        if finding["outcome"] == "evidence":
            excerpt = " ".join(str(finding.get("excerpt", "")).split())
            yield f"{finding['tool']} [{finding['family']}]: {excerpt}"[:_WIDTH]
    silent = [each["tool"] for each in body.get("findings") or () if each["outcome"] != "evidence"]
    if silent:
        yield f"no evidence from: {', '.join(dict.fromkeys(silent))}"
    if said := body.get("consultation"):
        yield consulted(said)[:_WIDTH]


def _steps(body: Mapping[str, Any]) -> Iterator[str]:
    for step in body.get("steps") or ():
        thing = step.get("object") or step.get("cron_job") or {}
        parts = (thing.get("namespace"), thing.get("name"))
        name = f"{thing.get('kind')} {'/'.join(part for part in parts if part)}"
        paths = ", ".join(change["path"] for change in step.get("changes") or ())
        yield f"{step['kind']} {name} {paths}".rstrip()
