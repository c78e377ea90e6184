import pytest
import yaml

from factories.decider import PLAYBOOK
from ooda.common.taxonomy import FailureClass
from ooda.decider.core.playbook import PlaybookError, parse_playbook

ROWS = {str(each): {"ends": "review"} for each in FailureClass}


def test_every_failure_class_has_a_row_that_ends_with_a_person() -> None:
    assert {each: PLAYBOOK[each].ends for each in FailureClass} == dict.fromkeys(
        FailureClass, "review"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"latency": {"ends": "pray"}}, ("row latency", "ends"), id="ending"),
        pytest.param(
            {"latency": {"ends": "review", "colour": 1}}, ("row latency", "colour"), id="field"
        ),
        pytest.param({"gremlins": {"ends": "review"}}, ("row gremlins",), id="class"),
        pytest.param(
            {"latency": {"ends": "review", "steps": [{"action": "rm"}]}},
            ("row latency", "steps.0", "action"),
            id="action",
        ),
        pytest.param(
            {"latency": {"ends": "review", "steps": [{"action": "restart_pod", "undo": "keep"}]}},
            ("row latency", "steps.0", "undo"),
            id="undo-is-the-actor's",
        ),
        pytest.param(
            {
                "latency": {
                    "ends": "review",
                    "steps": [{"stand_down_seconds": 5, "when": ["full_moon"]}],
                }
            },
            ("row latency", "when"),
            id="condition",
        ),
    ],
)
def test_an_error_names_row_and_field(change: dict[str, object], says: tuple[str, ...]) -> None:
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(yaml.safe_dump(ROWS | change))
    assert all(each in str(caught.value) for each in says)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "unknown: {ends: review}"])
def test_what_is_no_playbook_is_refused(text: str) -> None:
    with pytest.raises(PlaybookError):
        parse_playbook(text)
