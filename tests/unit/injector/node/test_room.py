"""How much of a file system may be taken."""

import pytest

from ooda.injector.node.core.room import FLOOR, MIB, Room, to_give_back, to_take

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("room", "free_percent", "taken"),
    [
        pytest.param(Room(2 * GIB, GIB), 25, GIB // 2, id="down to the share"),
        pytest.param(Room(2 * GIB, GIB), 50, 0, id="just at the share"),
        pytest.param(Room(2 * GIB, GIB // 4), 25, 0, id="below it already"),
        pytest.param(Room(100 * MIB, 80 * MIB), 5, 48 * MIB, id="the floor counts more"),
        pytest.param(Room(100 * MIB, FLOOR), 5, 0, id="at the floor"),
        pytest.param(Room(0, 0), 5, 0, id="no file system of disks"),
    ],
)
def test_what_is_taken(room: Room, free_percent: float, taken: int) -> None:
    assert to_take(room, free_percent) == taken


@pytest.mark.parametrize(
    ("free", "taken", "given_back"),
    [
        pytest.param(FLOOR, GIB, 0, id="nobody is short"),
        pytest.param(FLOOR - MIB, GIB, MIB, id="what is short"),
        pytest.param(0, GIB, FLOOR, id="full to the brim"),
        pytest.param(0, MIB, MIB, id="no more than was taken"),
    ],
)
def test_what_is_given_back(free: int, taken: int, given_back: int) -> None:
    assert to_give_back(Room(2 * GIB, free), taken) == given_back
