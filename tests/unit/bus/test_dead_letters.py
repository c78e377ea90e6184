from factories.events import NOW
from ooda.common.bus.dead_letters import PAYLOAD_LIMIT, Dead, dead_letter
from ooda.common.events import DeadLetter


def letter(error: Exception, payload: bytes = b"{}", sequence: int = 7) -> DeadLetter:
    dead = Dead("LOOP", sequence, "decision.made", payload, {"traceparent": "00-1"}, 6)
    return dead_letter(dead, error, service="actor", cluster_id="c", now=NOW)


def test_it_says_itself_in_one_line() -> None:
    said = letter(RuntimeError("first line\nsecond line")).summary
    assert said == "actor cannot handle decision.made LOOP/7: RuntimeError: first line"


def test_the_longest_error_fits() -> None:
    made = letter(RuntimeError("x" * 10_000))
    assert len(made.summary) == 400
    assert len(made.error) == 500


def test_the_payload_is_cut_and_says_so() -> None:
    made = letter(RuntimeError(), b"x" * (PAYLOAD_LIMIT + 1))
    assert len(made.payload) == PAYLOAD_LIMIT
    assert made.truncated
    assert not letter(RuntimeError(), b"x" * PAYLOAD_LIMIT).truncated


def test_what_is_no_text_is_kept_as_far_as_it_is() -> None:
    assert letter(RuntimeError(), b"a\xff").payload == "a\ufffd"


def test_one_message_has_one_letter_per_service() -> None:
    assert letter(RuntimeError("a")).event_id == letter(ValueError("b")).event_id
    assert letter(RuntimeError(), sequence=8).event_id != letter(RuntimeError()).event_id
