"""`ooda dead-letter`: events that could not be handled, and having them handled again."""

from dataclasses import asdict
from typing import Annotated

import typer

from ooda.cli.asking import LimitOption, SinceOption, ask_audit, moment, only_one
from ooda.cli.session import (
    NOT_WELL,
    Output,
    OutputOption,
    fail,
    finish,
    nats_settings,
    print_facts,
    print_json,
    print_line,
    print_table,
)
from ooda.common.audit import queries
from ooda.common.bus.replaying import ReplayRequest, ask_replay
from ooda.common.topology import LOOP_SERVICES, Service

LetterArgument = Annotated[str, typer.Argument(metavar="LETTER", help="An id, or how it begins.")]

dead_letter = typer.Typer(
    help="Events that could not be handled.", no_args_is_help=True, add_completion=False
)


@dead_letter.command("list")
def list_dead_letters(
    since: SinceOption = "7d", limit: LimitOption = 50, output: OutputOption = Output.TABLE
) -> None:
    """List events that a service gave up on, newest first, with the error.

    For example: `ooda dead-letter list --since 24h || page-somebody`.

    Exit status: 0 there is none; 1 there is one at least.
    """
    after = moment(since)
    found = ask_audit(lambda engine: queries.dead_letters(engine, after, limit))
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
    letter: LetterArgument,
    since: SinceOption = "365d",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one event that was given up on, whole.

    For example: `ooda dead-letter show 4f1c -o json | jq -r .payload`.
    """
    found = _letter(letter, since)
    if output is Output.JSON:
        print_json(asdict(found))
    else:
        print_facts({key: str(value) for key, value in asdict(found).items()})


@dead_letter.command("replay")
def replay_dead_letter(
    letter: LetterArgument,
    since: SinceOption = "365d",
    wait: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds that the service has to handle it.")
    ] = 30.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have the service that gave an event up handle it again, once the reason is mended.

    The service reads the original back from its stream; nothing is published. Handlers are
    idempotent, and what asks for something has expired: an old event changes nothing late.

    For example: `ooda dead-letter replay 4f1c`.

    Exit status: 0 it was handled; 1 it was not, and the answer says why; 3 NATS, Postgres or the
    service is away.
    """
    found = _letter(letter, since)
    place = f"{found.stream}/{found.sequence}"
    if found.service not in LOOP_SERVICES or not found.stream or not found.sequence:
        fail(f"{place} of {found.service} cannot be replayed: no such service.", NOT_WELL)
    answer = finish(
        ask_replay(
            nats_settings(),
            Service(found.service),
            ReplayRequest(stream=found.stream, sequence=found.sequence),
            wait,
        )
    )
    if output is Output.JSON:
        print_json({"done": answer.error is None, "error": answer.error, **asdict(found)})
    elif answer.error is None:
        print_line(f"{found.service} has handled {found.original_subject} {place}.")
    else:
        print_line(f"{found.service} has not handled {place}: {answer.error}")
    if answer.error is not None:
        raise typer.Exit(NOT_WELL)


def _letter(letter: str, since: str) -> queries.LetterRow:
    after = moment(since)
    letters = ask_audit(lambda engine: queries.dead_letters(engine, after, 10_000))
    return only_one(letters, "event_id", letter, "`ooda dead-letter list`")
