"""What a person is told when a person is asked. Pure."""

from dataclasses import dataclass

from ooda.common.events import ReviewRequested
from ooda.common.phrases import shortened
from ooda.common.remarks import how_to_answer

TITLE_LIMIT = 120
BODY_LIMIT = 1500
"""Characters; most services take at least that much. Instructions come after it, whole: of a
command a part is none."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message."""

    review_id: str
    title: str
    body: str


def notice_of(asked: ReviewRequested) -> Notice:
    """Return the words for a question: what, why, until when, and the command to answer."""
    where = f" in {asked.namespace}" if asked.namespace else ""
    what = f"{asked.failure_class}, confidence {asked.confidence:.2f}"
    answer = how_to_answer(asked)
    until = f"Until {asked.expires_at:%Y-%m-%d %H:%M} UTC."
    why = shortened(asked.reason, BODY_LIMIT - len(answer) - len(until) - len(what) - 10)
    return Notice(
        review_id=asked.review_id,
        title=shortened(f"[ooda] {asked.question}{where}", TITLE_LIMIT),
        body="\n".join(each for each in (what, why, until, answer, asked.instructions) if each),
    )
