"""How much memory may be taken in a container's name, and who is killed for it."""

import pytest

from ooda.injector.node.core.memory import (
    LEAKING,
    MIB,
    NodeMemory,
    badness,
    limit_of,
    node_memory,
    resident,
    to_take,
)

NODE = NodeMemory(total=4096 * MIB, available=1024 * MIB)


def test_what_the_kernel_says_is_read() -> None:
    meminfo = "MemTotal:     4194304 kB\nMemFree: 1 kB\nMemAvailable: 1048576 kB\nHugePages: 0\n"
    assert node_memory(meminfo) == NODE
    assert resident("Name:\tredis-server\nVmRSS:\t    8192 kB\nThreads:\t4\n") == 8 * MIB
    assert resident("Name:\tredis-server\nState:\tZ (zombie)\n") == 0
    assert limit_of("201326592\n") == 192 * MIB
    assert limit_of("max\n") is None


@pytest.mark.parametrize(
    ("wanted", "limit", "taken"),
    [
        (128, 192, 128),
        (256, 192, 192),
        (768, 800, 768),
        (769, 800, 0),
        (128, None, 0),
        (128, 4096, 0),
        (128, (1 << 43), 0),
    ],
    ids=[
        "as asked",
        "no more than the limit",
        "the node keeps what it needs",
        "the node would not",
        "no limit",
        "as much as the node has",
        "no limit in version 1",
    ],
)
def test_what_is_taken(wanted: int, limit: int | None, taken: int) -> None:
    limited = None if limit is None else limit * MIB
    assert to_take(wanted * MIB, limited, NODE) == taken * MIB


@pytest.mark.parametrize(
    ("mib", "adjustment", "sooner"),
    [(60, 0, True), (8, 0, False), (8, 997, True), (60, -997, False), (8, 100, True)],
    ids=["large", "small", "burstable", "guaranteed, beside one that is not", "half way"],
)
def test_who_is_killed_first(mib: int, adjustment: int, *, sooner: bool) -> None:
    limit = 192 * MIB
    assert (badness(mib * MIB, adjustment, limit) > badness(LEAKING, 0, limit)) is sooner
