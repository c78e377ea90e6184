"""What an effect probe does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from ooda.injector.core.looks import Look

Dial = Callable[[str, int], Awaitable[bool]]
"""Says whether a TCP connection to an address and a port was made; it never raises."""


class Probe(Protocol):
    """Looks at one run's effect."""

    period: float
    """Seconds between two looks; 0: a watch tells every change."""

    async def look(self) -> Look:
        """Look once, now. Raises ClusterError."""
        ...

    def looks(self) -> AsyncIterator[Look]:
        """Look again and again, for ever. Raises ClusterError."""
        ...
