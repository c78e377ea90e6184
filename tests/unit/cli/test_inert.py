"""What others have written cannot act on the terminal of whoever reads it."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.cli.inert import inert, inert_json

ACTIVE = {"Cc", "Zl", "Zp", "Cs"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 日本", "plain, ünïcode, 日本"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]52;c;cm0=\x07", r"\x1b]52;c;cm0=\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("\x7f", r"\x7f"),
        ("abc\u202ecba", r"abc\u202ecba"),
        ("a\u200bb", r"a\u200bb"),
        ("\U000e0041", r"\U000e0041"),
        ("[red]as it is[/red]", "[red]as it is[/red]"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(st.text(st.characters()))
def test_nothing_active_is_left(text: str) -> None:
    assert not {unicodedata.category(each) for each in inert(text)} & ACTIVE


@given(st.recursive(st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)))
def test_json_says_the_same_and_nothing_active_is_left(value: object) -> None:
    document = inert_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(document) == value
    left = {unicodedata.category(each) for each in document.replace("\n", "")}
    assert not left & ACTIVE
