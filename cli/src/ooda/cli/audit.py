"""What the audit tells: `ooda incidents`, `show`, `review`, `dead-letter`, `audit`."""

import datetime as dt
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    postgres_settings,
    print_facts,
    print_json,
    print_table,
)
from ooda.cli.story import print_story
from ooda.common.audit import queries
from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import Trail, reading
from ooda.common.audit.verification import Report, verify
from ooda.common.clock import SystemClock

Found = TypeVar("Found")

_UNITS = {"m": 60, "h": 3600, "d": 86_400}

SinceOption = Annotated[
    str, typer.Option("--since", "-s", help="How far back: 30m, 12h, 7d; or a time (ISO 8601).")
]
LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Only of this namespace.")
]


def incidents(
    since: SinceOption = "24h",
    namespace: NamespaceOption = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,  # noqa: FBT002 - typer's flag
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List incidents, newest first. `ooda show ID` tells one's whole story.

    The first eight characters of an id are enough.
    """
    after = moment(since)
    found = _ask(lambda engine: queries.incidents(engine, after, namespace, limit))
    rows = [each for each in found if each.closed_at is None or not only_open]
    if output is Output.JSON:
        print_json([asdict(each) for each in rows])
        return
    print_table(
        ("incident", "opened (UTC)", "namespace", "state", "class", "component", "took"),
        [
            (
                each.incident_id[:8],
                f"{each.opened_at:%m-%d %H:%M:%S}",
                each.namespace or "",
                each.closure or "open",
                each.failure_class or "",
                each.component or "",
                _seconds(each.opened_at, each.closed_at),
            )
            for each in rows
        ],
        empty=f"No incident since {after:%Y-%m-%d %H:%M} UTC.",
    )


def show(
    incident: Annotated[str, typer.Argument(help="An incident's id, or how it begins.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell one incident's whole story: every event with its time, the evidence, what was written.

    Exit status 1 if there is no such incident.
    """
    story = _ask(lambda engine: _story(engine, incident))
    if not story:
        fail(f"There is no incident {incident}: `ooda incidents --since 7d` lists them.", NOT_WELL)
    if output is Output.JSON:
        print_json([asdict(each) for each in story])
    else:
        print_story(story)


review = typer.Typer(help="What waits for a person.", no_args_is_help=True)


@review.command("list")
def list_reviews(output: OutputOption = Output.TABLE) -> None:
    """List the questions that nobody has answered and that no end of the incident has overtaken."""
    found = _ask(queries.open_reviews)
    if output is Output.JSON:
        print_json([asdict(each) for each in found])
        return
    print_table(
        ("review", "asked (UTC)", "namespace", "class", "component", "question"),
        [
            (
                each.review_id[:8],
                f"{each.requested_at:%m-%d %H:%M:%S}",
                each.namespace or "",
                each.failure_class or "",
                each.component or "",
                each.question or "",
            )
            for each in found
        ],
        empty="Nothing waits for a person.",
    )


@review.command("show")
def show_review(
    review_id: Annotated[str, typer.Argument(metavar="REVIEW", help="An id, or how it begins.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one question, with what the agent would do and why it does not do it by itself."""
    found = _one(_ask(queries.open_reviews), "review_id", review_id, "`ooda review list`")
    if output is Output.JSON:
        print_json(asdict(found))
    else:
        print_facts({key: str(value) for key, value in asdict(found).items() if value is not None})


dead_letter = typer.Typer(help="Events that could not be handled.", no_args_is_help=True)


@dead_letter.command("list")
def list_dead_letters(
    since: SinceOption = "7d", limit: LimitOption = 50, output: OutputOption = Output.TABLE
) -> None:
    """List events that a service gave up on, newest first, with the error.

    Exit status: 0 there is none; 1 there is one at least.
    """
    after = moment(since)
    found = _ask(lambda engine: queries.dead_letters(engine, after, limit))
    if output is Output.JSON:
        print_json([asdict(each) for each in found])
    else:
        print_table(
            ("letter", "at (UTC)", "service", "subject", "tries", "error"),
            [
                (
                    each.event_id[:8],
                    f"{each.stored_at:%m-%d %H:%M:%S}",
                    each.service or "",
                    each.original_subject or "",
                    str(each.deliveries),
                    each.error or "",
                )
                for each in found
            ],
            empty="No event was given up on.",
        )
    if found:
        raise typer.Exit(NOT_WELL)


@dead_letter.command("show")
def show_dead_letter(
    letter: Annotated[str, typer.Argument(help="An id, or how it begins.")],
    since: SinceOption = "365d",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one event that was given up on, whole."""
    after = moment(since)
    letters = _ask(lambda engine: queries.dead_letters(engine, after, 10_000))
    found = _one(letters, "event_id", letter, "`ooda dead-letter list`")
    if output is Output.JSON:
        print_json(asdict(found))
    else:
        print_facts({key: str(value) for key, value in asdict(found).items()})


audit = typer.Typer(help="The trail in Postgres.", no_args_is_help=True)


@audit.command("verify")
def verify_audit(output: OutputOption = Output.TABLE) -> None:
    """Recompute the hash chain over every row, to see if one was changed, removed or put in.

    Exit status: 0 the trail is as it was written; 1 it is broken, and the first break is named.
    Keep the head elsewhere: a trail that was rewritten as a whole shows only there.
    """
    report = _ask(verify)
    if output is Output.JSON:
        print_json({"ok": report.broken is None, **asdict(report)})
    else:
        print_facts(_told(report))
    if report.broken is not None:
        raise typer.Exit(NOT_WELL)


def _told(report: Report) -> dict[str, str]:
    broken = report.broken
    return {
        "trail": "as it was written" if broken is None else f"BROKEN: {broken}",
        "rows": str(report.rows),
        "partitions": str(report.partitions),
        "head": f"{report.head.row_hash.hex()} at position {report.head.position}",
    }


@audit.command("query")
def query_audit(
    statement: Annotated[str, typer.Argument(help="A SELECT, such as those of docs/queries.md.")],
    limit: LimitOption = 200,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask in SQL, as a role that can read and nothing else.

    For example: `ooda audit query "SELECT closure, count(*) FROM incidents GROUP BY 1"`.
    """
    columns, rows = _ask(lambda engine: queries.ask(engine, statement, limit))
    if output is Output.JSON:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, [[str(cell) for cell in row] for row in rows], empty="No rows.")


def moment(since: str) -> dt.datetime:
    """Read how far back. Raises BadParameter."""
    if told := re.fullmatch(r"(\d+)([mhd])", since):
        return SystemClock().now() - dt.timedelta(seconds=int(told[1]) * _UNITS[told[2]])
    try:
        return dt.datetime.fromisoformat(since).astimezone(dt.UTC)
    except ValueError:
        raise typer.BadParameter(
            f"{since!r} is neither like 30m, 12h, 7d nor a time like 2026-11-25T12:00"
        ) from None


def _ask(question: Callable[[Trail], Awaitable[Found]]) -> Found:
    async def ask() -> Found:
        async with reading(audit_url(postgres_settings())) as engine:
            return await question(engine)

    return finish(ask())


async def _story(engine: Trail, incident: str) -> Sequence[queries.TimelineEntry]:
    ids = await queries.incident_ids(engine, incident)
    if len(ids) > 1:
        fail(f"{incident} is the beginning of {len(ids)} incidents: give more of it.", NOT_WELL)
    return await queries.timeline(engine, ids[0]) if ids else ()


def _one(found: Sequence[Found], key: str, beginning: str, where: str) -> Found:
    matching = [each for each in found if str(getattr(each, key)).startswith(beginning)]
    if len(matching) != 1:
        problem = "none" if not matching else f"{len(matching)} of them"
        fail(f"{beginning}: there is {problem}; {where} lists them.", NOT_WELL)
    return matching[0]


def _seconds(begin: dt.datetime, end: dt.datetime | None) -> str:
    return f"{(end - begin).total_seconds():.1f} s" if end else "goes on"
