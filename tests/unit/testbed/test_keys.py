import pytest

from ooda.testbed.images.keys import key_of
from ooda.testbed.images.recipes import Binary


def test_the_same_input_has_the_same_key() -> None:
    first = key_of("kube", Binary(module="kube", package="."), ["a", None])
    second = key_of("kube", Binary(module="kube", package="."), ["a", None])
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "b"), ("b", "a"), id="order"),
        pytest.param(("ab", "c"), ("a", "bc"), id="where one part ends"),
        pytest.param(("a",), ("a", None), id="a part more"),
        pytest.param((1,), ("1",), id="type"),
        pytest.param(
            (Binary(module="m", package="."),),
            (Binary(module="m", package=".", tags=("netgo",)),),
            id="a field of a recipe",
        ),
    ],
)
def test_a_difference_gives_another_key(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert key_of(*one) != key_of(*other)


def test_a_key_has_no_dash_for_names_and_keys_to_be_told_apart() -> None:
    assert key_of("x").isalnum()
