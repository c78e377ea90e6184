"""What a fault came to, in numbers for the journal. Pure."""

from collections.abc import Mapping

from ooda.injector.node.orders import Result


def realised_of(result: Result) -> Mapping[str, float]:
    """Return the numbers of a packet fault: packets, shares in percent, times in milliseconds.

    A run can be relied on where ``unheard`` and ``lapses`` are zero.
    """
    counters = result.counters
    numbers = {
        "packets": counters.seen,
        "dropped": counters.dropped,
        "delayed": counters.delayed,
        "changed": counters.changed,
        "unheard": counters.unheard,
        "lapses": counters.lapses,
        "loss_percent": counters.loss_percent,
        "delay_ms_mean": counters.delay_ms_mean,
        "delay_ms_most": counters.delay_ms_most,
        "in_force_ms": (result.ended_at - result.armed_at).total_seconds() * 1000,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}
