"""What the audit tells: `ooda incidents`, `show`, `audit`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from ooda.cli.asking import LimitOption, SinceOption, ask_audit, moment
from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    print_facts,
    print_json,
    print_table,
)
from ooda.cli.story import print_story
from ooda.common.audit import queries
from ooda.common.audit.queries import Trail
from ooda.common.audit.verification import Report, verify

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

    The first eight characters of an id are enough everywhere.

    For example: `ooda incidents --since 7d --open`, `ooda incidents -n shop --limit 5`.
    """
    after = moment(since)
    found = ask_audit(lambda engine: queries.incidents(engine, after, namespace, limit))
    rows = [each for each in found if each.closed_at is None or not only_open]
    if output is Output.JSON:
        print_json([asdict(each) for each in rows])
        return
    print_table(
        ("incident", "opened (UTC)", "state", "took", "what"),
        [
            (
                each.incident_id[:8],
                f"{each.opened_at:%m-%d %H:%M:%S}",
                each.closure or "open",
                _seconds(each.opened_at, each.closed_at),
                what_of(each.failure_class, each.component or each.namespace),
            )
            for each in rows
        ],
        empty=f"No incident since {after:%Y-%m-%d %H:%M} UTC.",
    )


def show(
    incident: Annotated[str, typer.Argument(help="An incident's id, or how it begins.")],
    *,
    explain: Annotated[
        bool, typer.Option("--explain", help="What each finding said, and how the votes fell.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell one incident's whole story: every event, the evidence, what was written.

    For example: `ooda show 6db1d6f6`, `ooda show 6db1d6f6 --explain`; as JSON it has every event
    whole: `ooda show 6db1d6f6 -o json | jq '.[].body.reason'`.

    Exit status 1 if there is no such incident.
    """
    story = ask_audit(lambda engine: _story(engine, incident))
    if not story:
        fail(f"There is no incident {incident}: `ooda incidents --since 7d` lists them.", NOT_WELL)
    if output is Output.JSON:
        print_json([asdict(each) for each in story])
    else:
        print_story(story, explain=explain)


audit = typer.Typer(help="The trail in Postgres.", no_args_is_help=True, add_completion=False)


@audit.command("verify")
def verify_audit(output: OutputOption = Output.TABLE) -> None:
    """Recompute the hash chain over every row, to see if one was changed, removed or put in.

    For example: `ooda audit verify -o json | jq -r .head.row_hash`.

    Exit status: 0 the trail is as it was written; 1 it is broken, and the first break is named.
    Keep the head elsewhere: a trail that was rewritten as a whole shows only there.
    """
    report = ask_audit(verify)
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

    One statement, a SELECT; at most `--limit` rows of it are fetched.

    For example: `ooda audit query "SELECT closure, count(*) FROM incidents GROUP BY 1"`.

    Exit status: 2 if Postgres refuses the statement, and its reason.
    """
    columns, rows = ask_audit(lambda engine: queries.ask(engine, statement, limit))
    if output is Output.JSON:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, [[_cell(each) for each in row] for row in rows], empty="No rows.")


async def _story(engine: Trail, incident: str) -> Sequence[queries.TimelineEntry]:
    ids = await queries.incident_ids(engine, incident)
    if len(ids) > 1:
        fail(f"{incident} is the beginning of {len(ids)} incidents: give more of it.", NOT_WELL)
    return await queries.timeline(engine, ids[0]) if ids else ()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return value.hex()
        case _:
            return str(value)


def what_of(failure_class: str | None, where: str | None) -> str:
    """Say what failed and where, as far as it is known."""
    return " in ".join(part for part in (failure_class or "not known yet", where) if part)


def _seconds(begin: dt.datetime, end: dt.datetime | None) -> str:
    return f"{(end - begin).total_seconds():.1f} s" if end else "goes on"
