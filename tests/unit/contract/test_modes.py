from typing import Any

import pytest

from ooda.common.modes import mode_of
from ooda.common.taxonomy import Mode


@pytest.mark.parametrize(
    ("labels", "mode"),
    [
        ({"ooda.dev/mode": "auto"}, Mode.AUTO),
        ({"ooda.dev/mode": "observe"}, Mode.OBSERVE),
        ({"ooda.dev/mode": "AUTO"}, Mode.PROPOSE),
        ({"ooda.dev/mode": ["auto"]}, Mode.PROPOSE),
        ({"ooda.dev/mode": None}, Mode.PROPOSE),
        ({}, Mode.PROPOSE),
        (None, Mode.PROPOSE),
    ],
)
def test_only_the_exact_word_lets_the_agent_act(labels: Any, mode: Mode) -> None:
    assert mode_of(labels) is mode
