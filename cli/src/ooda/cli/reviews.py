"""`ooda review`: what waits for a person, and a person's answers, in their own name."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ooda.cli.asking import ask_audit, only_one
from ooda.cli.audit import what_of
from ooda.cli.session import (
    NOT_WELL,
    UNUSABLE,
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
from ooda.common.audit import queries
from ooda.common.bus.answering import answer_review
from ooda.common.clock import SystemClock
from ooda.common.events import (
    COMMENT_LIMIT,
    SUMMARY_LIMIT,
    ReviewAnswered,
    ReviewRequested,
    ReviewSettled,
    derive_id,
)
from ooda.common.phrases import shortened
from ooda.common.settings import PersonSettings
from ooda.common.taxonomy import Settlement

_WELL = (Settlement.ACTING, Settlement.REJECTED)

ReviewArgument = Annotated[str, typer.Argument(metavar="REVIEW", help="An id, or how it begins.")]
CommentOption = Annotated[str, typer.Option("--comment", "-m", help="Why, for the record.")]
WaitOption = Annotated[
    float, typer.Option(min=0.1, max=600, help="Seconds to wait for what comes of it.")
]

review = typer.Typer(
    help="What waits for a person, and a person's answers.",
    no_args_is_help=True,
    add_completion=False,
)


@review.command("list")
def list_reviews(output: OutputOption = Output.TABLE) -> None:
    """List the questions that nobody has answered and that no end of the incident has overtaken.

    For example: `ooda review list`, then `ooda review show` with the first characters of one.
    """
    found = ask_audit(queries.open_reviews)
    if output is Output.JSON:
        print_json([asdict(each) for each in found])
        return
    print_table(
        ("review", "asked (UTC)", "what", "question"),
        [
            (
                each.review_id[:8],
                f"{each.requested_at:%m-%d %H:%M:%S}",
                what_of(each.failure_class, each.component or each.namespace),
                each.question or "",
            )
            for each in found
        ],
        empty="Nothing waits for a person.",
    )


@review.command("show")
def show_review(
    review_id: ReviewArgument,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one question, with what the agent would do and why it does not do it by itself.

    For example: `ooda review show 6b3c2d1e`.
    """
    found = only_one(ask_audit(queries.open_reviews), "review_id", review_id, "`ooda review list`")
    asked = ask_audit(lambda engine: queries.reviews(engine, found.review_id))
    by_hand = next((each.instructions for each in asked), "")
    if output is Output.JSON:
        print_json(asdict(found) | {"instructions": by_hand})
        return
    print_facts({key: str(value) for key, value in asdict(found).items() if value is not None})
    for line in by_hand.splitlines():
        print_line(line)


@review.command("approve")
def approve(
    review_id: ReviewArgument,
    comment: CommentOption = "",
    wait: WaitOption = 15.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let the agent carry out what it proposes, once, on the object as it was when it asked.

    The answer is given as the person of `[person]` in the configuration. It is void if the object
    changed meanwhile; what is still to be decided is then asked anew.

    For example: `ooda review approve 6b3c2d1e --comment "known bad release"`.

    Exit status: 0 the agent acts; 1 it does not, or nothing was heard of it in time; 3 NATS or
    Postgres is away.
    """
    _answer("approve", review_id, comment, wait, output)


@review.command("reject")
def reject(
    review_id: ReviewArgument,
    comment: CommentOption = "",
    wait: WaitOption = 15.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say no: the incident is a person's matter from now on, and nobody is asked again.

    For example: `ooda review reject 6b3c2d1e --comment "we migrate tonight"`.

    Exit status: 0 it is; 1 the answer did not count; 3 NATS or Postgres is away.
    """
    _answer("reject", review_id, comment, wait, output)


def _answer(
    answer: Literal["approve", "reject"], beginning: str, comment: str, wait: float, output: Output
) -> None:
    nats, person = nats_settings(), _person()
    if len(comment) > COMMENT_LIMIT:
        raise typer.BadParameter(f"a comment has at most {COMMENT_LIMIT} characters")
    asked = only_one(
        ask_audit(lambda engine: queries.reviews(engine, beginning)),
        "review_id",
        beginning,
        "`ooda review list`",
    )
    said = _said(asked, person, answer, comment)
    found = finish(answer_review(nats, person, said, wait))
    if output is Output.JSON:
        print_json(_as_object(asked, said, found))
    else:
        print_line(asked.question)
        for line in _told(found, asked, wait):
            print_line(line)
    if found is None or found.settlement not in _WELL:
        raise typer.Exit(NOT_WELL)


def _said(
    asked: ReviewRequested,
    person: PersonSettings,
    answer: Literal["approve", "reject"],
    comment: str,
) -> ReviewAnswered:
    now = SystemClock().now()
    try:
        return ReviewAnswered(
            # Each time that a person says it is an answer of its own; only a resend is the same.
            event_id=derive_id("review.answered", asked.review_id, person.name, now.isoformat()),
            summary=shortened(f"{person.name} says {answer}: {asked.question}", SUMMARY_LIMIT),
            occurred_at=now,
            cluster_id=asked.cluster_id,
            namespace=asked.namespace,
            caused_by=(asked.event_id,),
            review_id=asked.review_id,
            person=person.name,
            answer=answer,
            comment=comment,
            incident_id=asked.incident_id,
        )
    except ValueError:
        fail(f"{person.name!r} cannot be a person: correct `name` in [person].", UNUSABLE)


def _told(found: ReviewSettled | None, asked: ReviewRequested, wait: float) -> list[str]:
    if found is None:
        late = f"The answer is stored; what comes of it was not told within {wait:g} s."
        return [late, f"`ooda show {asked.incident_id[:8]}` will have it."]
    lines = [f"{found.settlement}: {found.reason}"]
    if found.settlement is Settlement.ACTING:
        lines.append(f"`ooda show {asked.incident_id[:8]}` tells how it goes on.")
    if found.next_review_id is not None:
        lines.append(f"Asked anew: `ooda review show {found.next_review_id[:8]}`.")
    return lines


def _as_object(
    asked: ReviewRequested, said: ReviewAnswered, found: ReviewSettled | None
) -> Mapping[str, object]:
    return {
        "review_id": asked.review_id,
        "incident_id": asked.incident_id,
        "person": said.person,
        "answer": said.answer,
        "settlement": found.settlement if found else None,
        "reason": found.reason if found else None,
        "next_review_id": found.next_review_id if found else None,
    }


def _person() -> PersonSettings:
    person = load_settings().person
    if person is None:
        fail(
            "Who answers is not configured: `make platform` writes [person], or set "
            "OODA_PERSON__NAME and OODA_PERSON__PASSWORD.",
            UNUSABLE,
        )
    return person
