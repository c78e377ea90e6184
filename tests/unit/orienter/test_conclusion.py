"""What is told at once, and what is looked at again first."""

import pytest

from factories.diagnosis import CHECKOUT
from ooda.common.taxonomy import FailureClass
from ooda.orienter.core.conclusion import FIRM, is_firm
from ooda.orienter.core.fusion import Diagnosis
from ooda.orienter.weights_file import load_weights

WEIGHTS = load_weights()


@pytest.mark.parametrize(
    ("failure_class", "confidence", "firm"),
    [
        pytest.param(FailureClass.CRASH_LOOP, FIRM, True, id="sure"),
        pytest.param(FailureClass.CRASH_LOOP, FIRM - 0.01, False, id="an action, not sure"),
        pytest.param(FailureClass.QUOTA_EXCEEDED, 0.8, False, id="a person, not sure"),
        pytest.param(FailureClass.UNKNOWN, 0.8, False, id="unknown"),
        pytest.param(FailureClass.POD_KILLED, 0.5, True, id="nothing is done about it"),
        pytest.param(FailureClass.HEALTHY, 0.5, True, id="healthy"),
    ],
)
def test_what_is_firm(failure_class: FailureClass, confidence: float, *, firm: bool) -> None:
    told = Diagnosis(failure_class, CHECKOUT, confidence, margin=0.5)

    assert is_firm(told, WEIGHTS) is firm
