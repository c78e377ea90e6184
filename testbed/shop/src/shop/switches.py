"""Which edges an operator holds open: the ConfigMap with a key per edge."""

from collections.abc import Mapping
from enum import StrEnum

import structlog

log = structlog.get_logger()


class Switch(StrEnum):
    """What a key may say: the breaker decides, or the edge stays open."""

    AUTO = "auto"
    OPEN = "open"


class Switches:
    """The last state of the ConfigMap; an edge without a key is on auto."""

    def __init__(self) -> None:
        self._held: frozenset[str] = frozenset()

    def accept(self, data: Mapping[str, str]) -> None:
        """Take over what the ConfigMap says now; an unknown value counts as auto and is logged."""
        held = set()
        for edge, value in data.items():
            try:
                switch = Switch(value.strip())
            except ValueError:
                log.warning("unknown circuit breaker value", edge=edge, value=value[:40])
                continue
            if switch is Switch.OPEN:
                held.add(edge)
        for edge in held ^ self._held:
            log.info("circuit breaker switched", edge=edge, to="open" if edge in held else "auto")
        self._held = frozenset(held)

    def holds_open(self, edge: str) -> bool:
        """Say whether calls over this edge are to be refused."""
        return edge in self._held
