"""The trail that the loop leaves."""

from e2e.live.ooda import Ooda


def test_the_trail_is_as_it_was_written(ooda: Ooda) -> None:
    told = ooda.json("audit", "verify")
    assert told["ok"] is True
    assert told["rows"] > 0
    assert "as it was written" in ooda("audit", "verify")


def test_no_event_was_given_up_on(ooda: Ooda) -> None:
    assert ooda.json("dead-letter", "list", "--since", "10m") == []
