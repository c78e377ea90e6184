"""How much of a file system may be taken. Pure."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
FLOOR: Final = 32 * MIB
"""Bytes that stay free whatever is asked for: the kubelet and the container have to go on."""
LARGEST: Final = 8 << 30
"""Bytes of the largest file system that is filled: a larger one is somebody's real disk."""


@dataclass(frozen=True, slots=True)
class Room:
    """A file system: its size, and what users other than root may still take, in bytes."""

    size: int
    free: int

    @property
    def free_percent(self) -> float:
        """The share that is free."""
        return 100 * self.free / self.size


def to_take(room: Room, free_percent: float) -> int:
    """Say how many bytes to take so that the share is left; not more than the floor allows."""
    left = max(round(room.size * free_percent / 100), FLOOR)
    return max(0, room.free - left)


def to_give_back(room: Room, taken: int) -> int:
    """Say how many bytes of those taken to give back, so that the floor is free again."""
    return min(taken, max(0, FLOOR - room.free))
