from dataclasses import replace

import pytest

from ooda.testbed.preflight import (
    NEEDED_DISK,
    NEEDED_MEMORY,
    Names,
    Size,
    name_refusals,
    size_refusals,
)

GOOD = Size(NEEDED_DISK, NEEDED_MEMORY)
FREE = Names(taken_ports={}, foreign_cluster=False)


def refusals(facts: Size | Names) -> list[str]:
    return size_refusals(facts) if isinstance(facts, Size) else name_refusals(facts)


def test_the_least_that_is_needed_will_do() -> None:
    assert refusals(GOOD) == []
    assert refusals(FREE) == []


@pytest.mark.parametrize(
    ("facts", "reason", "way_out"),
    [
        pytest.param(
            replace(GOOD, free_disk=14_900_000_000),
            "Too little disk: 14.9 GB free, 15 GB are needed",
            "docker system prune",
            id="disk",
        ),
        pytest.param(
            replace(GOOD, memory=5_200_000_000),
            "Too little memory: 5.2 GB, 6 GB are needed",
            "use a larger machine",
            id="memory",
        ),
        pytest.param(
            replace(FREE, taken_ports={"Postgres": 15432}),
            "Port 15432 on 127.0.0.1 is taken and needed for Postgres",
            "ss -ltnp 'sport = :15432'",
            id="port",
        ),
        pytest.param(
            replace(FREE, foreign_cluster=True),
            "A kind cluster named ooda exists that was not made here",
            "kind delete cluster --name ooda",
            id="foreign cluster",
        ),
    ],
)
def test_each_reason_comes_with_its_way_out(facts: Size | Names, reason: str, way_out: str) -> None:
    (sentence,) = refusals(facts)
    assert reason in sentence
    assert way_out in sentence


def test_all_reasons_are_told_at_once() -> None:
    taken = {"NATS": 14222, "API server": 16443}
    assert len(refusals(Size(0, 0))) == 2
    assert len(refusals(Names(taken, foreign_cluster=True))) == 3
