"""What the weights take a class to lead to is what the playbook does first."""

import pytest

from factories.decider import PLAYBOOK
from factories.diagnosis import WEIGHTS
from ooda.common.taxonomy import FailureClass
from ooda.decider.core.playbook import ActStep, Condition, Row, StandDownStep


def first(row: Row, *, changed: bool) -> str:
    """Return the first step that a change, or none, leaves possible."""
    for step in row.steps:
        if changed or Condition.BEGAN_WITH_CHANGE not in step.when:
            match step:
                case ActStep(action=action):
                    return action
                case StandDownStep():
                    return "stand_down"
    return row.ends


@pytest.mark.parametrize("failure_class", sorted(WEIGHTS.classes))
def test_the_weights_know_what_the_playbook_does(failure_class: FailureClass) -> None:
    actions, row = WEIGHTS.classes[failure_class].actions, PLAYBOOK[failure_class]
    assert actions.changed == first(row, changed=True)
    assert actions.unchanged == first(row, changed=False)
