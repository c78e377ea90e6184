"""Fakes of our own narrow interfaces, for every package's tests. No service imports them."""

from ooda.common.testing.bus import FixedClock, MemoryBucket, MemoryBus, delivery

__all__ = ["FixedClock", "MemoryBucket", "MemoryBus", "delivery"]
