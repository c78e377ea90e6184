"""What becomes of packets, whatever comes and whenever."""

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.dns_packets import NAME, datagram, message, over_ipv4, read
from ooda.common.node_means import Answers, Delay, Fault, Loss, Partition, Rcode, Unanswered
from ooda.injector.node.core.dns_answers import LONGEST_HEAD
from ooda.injector.node.core.judges import (
    NOTHING,
    AnsweringJudge,
    DelayingJudge,
    LosingJudge,
    PartingJudge,
    Verdicts,
    head_of,
    judge_of,
)
from ooda.injector.node.core.tally import Tally
from ooda.injector.node.core.wander import Wander

MS = 1_000_000
moments = st.lists(st.integers(0, 300 * MS), min_size=1, max_size=60).map(itertools.accumulate)


@given(st.integers(5, 95), st.lists(st.integers(0, 20), max_size=40), st.text(max_size=5))
def test_of_each_packet_it_is_said_once_whether_it_is_lost(
    percent: int, sizes: list[int], seed: str
) -> None:
    judge, first = LosingJudge(percent, seed), 0
    for size in sizes:
        came = list(range(first, first + size))
        first += size
        verdicts = judge.came(came, [0] * len(came))
        assert set(verdicts.drop) <= set(came)
        kept = [packet for packet in came if packet not in set(verdicts.drop)]
        assert verdicts.passed == len(kept)
        # All that wait up to the last kept one go on: none of those lost is among them by then.
        assert verdicts.pass_through == (kept[-1] if kept else None)
    assert judge.next_due() is None
    assert judge.due(0) == judge.release() == NOTHING


@pytest.mark.parametrize("percent", [5, 30, 50, 95])
def test_the_share_lost_of_ten_thousand(percent: float) -> None:
    for seed in range(20):
        lost = len(LosingJudge(percent, str(seed)).came(range(10_000), [0] * 10_000).drop)
        assert lost / 100 == pytest.approx(percent, abs=2)


def test_losses_are_independent_of_one_another() -> None:
    lost = set(LosingJudge(50, "a").came(range(20_000), [0] * 20_000).drop)
    both = sum(1 for packet in lost if packet + 1 in lost)
    assert both / len(lost) == pytest.approx(0.5, abs=0.02)


def test_a_partition_loses_all() -> None:
    assert PartingJudge().came([1, 2], [0, 0]) == Verdicts([1, 2])


def answer(name: str, flags: int = 0x8580) -> bytes:
    return over_ipv4(datagram(message(name, flags=flags)))


MEANT, OTHER, NO_ANSWER = answer(NAME), answer("db.shop.svc.cluster.local"), b"\x45"


@pytest.mark.parametrize(
    ("name", "lost", "last"),
    [
        pytest.param("cart", [1], 4, id="one name"),
        pytest.param(NAME, [1], 4, id="as it was asked"),
        pytest.param("web", [], 4, id="a name that nobody asks for"),
        pytest.param(None, [1, 2, 4], 3, id="every name"),
    ],
)
def test_answers_about_a_name_are_lost(name: str | None, lost: list[int], last: int) -> None:
    verdicts = AnsweringJudge(Rcode.NONE, name).came(
        [1, 2, 3, 4], [0] * 4, [MEANT, OTHER, NO_ANSWER, OTHER]
    )
    assert verdicts == Verdicts(lost, last, 4 - len(lost), change=[])


@pytest.mark.parametrize(("rcode", "code"), [(Rcode.NXDOMAIN, 3), (Rcode.SERVFAIL, 2)])
def test_answers_about_a_name_say_something_else(rcode: Rcode, code: int) -> None:
    came = [MEANT, OTHER, MEANT, NO_ANSWER]
    verdicts = AnsweringJudge(rcode, "cart").came([1, 2, 3, 4], [0] * 4, came)
    assert (verdicts.drop, verdicts.pass_through, verdicts.passed) == ([], 4, 2)
    assert [packet for packet, _ in verdicts.change] == [1, 3]
    for _, content in verdicts.change:
        said = read(content)
        assert (said.name, said.flags & 0xF, said.behind) == (NAME, code, b"")


def test_an_answer_that_says_so_already_is_no_part_of_the_fault() -> None:
    already = answer(NAME, flags=0x8583)
    judge = AnsweringJudge(Rcode.NXDOMAIN, None)
    assert judge.came([1], [0], [already]) == Verdicts([], 1, 1, change=[])


@given(moments, st.integers(20, 200), st.integers(0, 200), st.text(max_size=5))
def test_packets_leave_in_order_at_their_time_and_all_of_them(
    times: "itertools.accumulate[int]", mean: int, jitter: int, seed: str
) -> None:
    judge = DelayingJudge(mean, min(jitter, mean), seed)
    came: dict[int, int] = {}
    left: dict[int, int] = {}

    def leave(now: int) -> None:
        verdicts = judge.due(now)
        if verdicts.pass_through is not None:
            going = [packet for packet in came if packet not in left]
            going = [packet for packet in going if packet <= (verdicts.pass_through or 0)]
            assert verdicts.passed == len(verdicts.held_ns) == len(going)
            left.update(dict.fromkeys(going, now))

    for packet, now in enumerate(times):
        while (due := judge.next_due()) is not None and due <= now:
            leave(due)
        came[packet] = now
        assert judge.came([packet], [now]) == NOTHING
    while (due := judge.next_due()) is not None:
        leave(due)
    assert list(left) == list(came)
    spread = min(jitter, mean) * MS
    assert all(abs(left[packet] - came[packet] - mean * MS) <= spread for packet in came)
    assert [left[packet] for packet in came] == sorted(left.values())


def test_nothing_leaves_early() -> None:
    judge = DelayingJudge(50, 0, "")
    judge.came([1, 2], [0, 0])
    assert judge.due(50 * MS - 1) == NOTHING
    assert judge.due(50 * MS) == Verdicts((), 2, 2, [50 * MS, 50 * MS])


def test_what_was_late_is_made_good_by_a_little_each() -> None:
    judge = DelayingJudge(50, 0, "")
    judge.came([0], [0])
    assert judge.due(90 * MS).held_ns == [90 * MS]
    judge.came([1], [100 * MS])
    assert judge.next_due() == 150 * MS - 40 * MS // 200


def test_no_packet_leaves_much_too_early_whatever_is_to_be_made_good() -> None:
    judge = DelayingJudge(50, 0, "")
    judge.came([0], [0])
    judge.due(3_600_000 * MS)
    judge.came([1], [3_600_000 * MS])
    assert judge.next_due() == 3_600_040 * MS


@settings(max_examples=15)
@given(st.integers())
def test_one_that_is_often_kept_from_running_keeps_the_mean(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 -- stalls of a test
    judge, waits = DelayingJudge(50, 0, ""), list[int]()
    runs_again = 0
    for now in range(0, 10_000 * MS, MS):
        judge.came([now], [now])
        if now >= runs_again:
            waits += judge.due(now).held_ns
            runs_again = now + (chance.randint(1, 40) * MS if chance.random() < 0.02 else 0)
    assert sum(waits) / len(waits) / MS == pytest.approx(50, abs=1)


def test_at_the_end_what_waits_is_let_go() -> None:
    judge = DelayingJudge(50, 0, "")
    judge.came([1, 2], [0, 0])
    assert judge.release() == Verdicts((), 2, 2)
    assert judge.release() == NOTHING


@given(st.integers(0, 5000 * MS), st.text(max_size=5), moments)
def test_a_wandering_delay_stays_within_its_jitter_and_never_lets_one_overtake(
    jitter: int, seed: str, times: "itertools.accumulate[int]"
) -> None:
    mean = jitter + 20 * MS
    wander = Wander(mean, jitter, seed)
    arrivals: list[int] = []
    for now in times:
        delay = wander.at(now, 1)
        assert mean - jitter <= delay <= mean + jitter
        arrivals.append(now + delay)
    assert arrivals == sorted(arrivals)


@settings(max_examples=15)
@given(st.text(max_size=5), st.integers(1, 50))
def test_ten_seconds_of_a_wandering_delay_have_its_mean(seed: str, jitter_ms: int) -> None:
    wander = Wander(200 * MS, jitter_ms * MS, seed)
    delays = [wander.at(now * MS, 1) for now in range(10_000)]
    assert sum(delays) / len(delays) / MS == pytest.approx(200, abs=2)


@settings(max_examples=15)
@given(st.integers(), st.integers(1, 50))
def test_ten_thousand_packets_in_bursts_have_its_mean(seed: int, jitter_ms: int) -> None:
    chance = Random(seed)  # noqa: S311 -- bursts of a test
    wander = Wander(200 * MS, jitter_ms * MS, "")
    now = total = count = 0
    while count < 10_000:
        now += chance.randint(0, 100 * MS)
        burst = chance.randint(1, 100)
        total += wander.at(now, burst) * burst
        count += burst
    assert total / count / MS == pytest.approx(200, abs=2)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Loss(percent=5), LosingJudge),
        (Delay(mean_ms=20), DelayingJudge),
        (Partition(), PartingJudge),
        (Unanswered(), PartingJudge),
        (Answers(rcode=Rcode.SERVFAIL), AnsweringJudge),
    ],
)
def test_each_fault_has_its_judge_and_only_that_of_answers_reads(fault: Fault, kind: type) -> None:
    assert isinstance(judge_of(fault, ""), kind)
    assert head_of(fault) == (LONGEST_HEAD if kind is AnsweringJudge else 0)


def test_the_count() -> None:
    tally = Tally()
    tally.came(5)
    tally.judged(Verdicts([1, 2], 4, 2, [30 * MS, 50 * MS]))
    tally.came(1)
    counters = tally.counters(8)
    assert (counters.seen, counters.passed, counters.dropped, counters.delayed) == (6, 2, 2, 2)
    assert counters.changed == 0
    assert (counters.unheard, counters.most_held) == (2, 5)
    assert (counters.delay_ms_least, counters.delay_ms_most, counters.delay_ms_mean) == (30, 50, 40)
    assert counters.loss_percent == pytest.approx(100 / 3)


def test_what_is_changed_is_counted_and_neither_lost_nor_waiting() -> None:
    tally = Tally()
    for _ in range(2):
        tally.came(3)
        tally.judged(Verdicts([1], 2, 1, change=[(3, b"")]))
    counters = tally.counters(6)
    assert (counters.passed, counters.dropped, counters.changed) == (2, 2, 2)
    assert counters.most_held == 3


def test_the_count_of_nothing_has_no_shares() -> None:
    counters = Tally().counters(0)
    assert counters.loss_percent is None
    assert counters.delay_ms_mean is None
