"""The process of one fault: it enters the sandbox, makes the fault and ends it by its own clock.

It is told where the node's own namespace is, which it never enters. The order comes on its standard
input, which also is its line to whoever gave it: when that closes, for whatever reason, the fault
ends. What it has to say goes to its standard output, a line of JSON each. It never comes back from
the sandbox's namespace, hence a process of its own.
"""

import os
import select
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from ooda.common.node_means import Answers, Direction, Loss, Proof, Unanswered
from ooda.injector.node import namespaces
from ooda.injector.node.core.judges import head_of, judge_of
from ooda.injector.node.core.lookups import (
    PATIENCE_NS,
    Train,
    code_told,
    deadline_ns,
    is_hit,
    told_by,
)
from ooda.injector.node.core.matching import Matching
from ooda.injector.node.kernel import Packets, Rule
from ooda.injector.node.looking_up import Lookups, answer_took, answered_first
from ooda.injector.node.orders import Armed, Bites, End, Lookup, Order, Refused, Result
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.serving import FaultInForce
from ooda.injector.node.time_left import time_left

_SECOND: Final = 1_000_000_000
_BEFORE_NS: Final = _SECOND
"""How long an answer is waited for before the fault is made; one takes milliseconds."""
_AFTERWARDS_NS: Final = 2 * _SECOND
"""How long one is waited for after its end; whoever gave the order waits for three seconds."""


def _directions(order: Order) -> list[Matching]:
    spared = (*namespaces.gateways(), *order.node_addresses) if order.spare_node else ()
    traffic = order.traffic
    wanted = {
        Direction.INCOMING: [True],
        Direction.OUTGOING: [False],
        Direction.BOTH: [True, False],
    }[traffic.direction]
    return [
        Matching(
            incoming=incoming,
            peers=traffic.peers,
            peer_ports=traffic.peer_ports,
            own_ports=traffic.own_ports,
            spared=spared,
            accepting=isinstance(order.fault, Unanswered),
            datagrams=isinstance(order.fault, Answers),
        )
        for incoming in wanted
    ]


def _say(report: BaseModel) -> None:
    sys.stdout.write(report.model_dump_json() + "\n")
    sys.stdout.flush()


def _say_bites(since_ns: int) -> None:
    ago = (time.monotonic_ns() - since_ns) / _SECOND
    _say(Bites(at=datetime.now(UTC) - timedelta(seconds=ago)))


@dataclass(frozen=True)
class _Proof:
    """A lookup that was answered before the fault, and how late or which an answer tells of it."""

    lookup: Lookup
    deadline_ns: int
    code: int | None

    def begun(self) -> Lookups:
        return Lookups(self.lookup, Train(self.deadline_ns, time.monotonic_ns(), self.code))

    def answered_again(self) -> datetime | None:
        deadline = min(self.deadline_ns, PATIENCE_NS)
        took = answer_took(self.lookup, deadline, _AFTERWARDS_NS)
        return None if took is None else datetime.now(UTC)


def _provable(order: Order) -> _Proof | None:
    """Say how lookups tell of the fault; None if it would not hit them, or they fail already."""
    if order.lookup is None or not is_hit(order):
        return None
    first = answered_first(told_by(order.lookup, order), _BEFORE_NS, _BEFORE_NS)
    if first is None:
        return None
    lookup, took = first
    return _Proof(lookup, deadline_ns(order, took), code_told(order))


def _carry_out(order: Order, node: Path, line: int) -> Result:
    ends_ns = time.monotonic_ns() + round(time_left(order.until).total_seconds() * _SECOND)
    sandbox = namespaces.watch(order.sandbox)
    descriptor = namespaces.open_namespace(order.sandbox, node)
    namespaces.enter(descriptor)
    os.close(descriptor)
    # The queue first: who has it is alone here.
    # Chance is drawn, and an answer is read, for each packet of the wire.
    whole = not isinstance(order.fault, Loss | Answers)
    packets = Packets(whole=whole, head=head_of(order.fault))
    proof = _provable(order)
    rule = Rule()
    rule.install(_directions(order))
    judge = judge_of(order.fault, order.order_id)
    rule.arm()
    armed_at = datetime.now(UTC)
    _say(Armed(order_id=order.order_id, worker=os.getpid(), at=armed_at, until=order.until))
    lookups = None if proof is None else proof.begun()
    fault = FaultInForce(rule, packets, judge, ends_ns, line, sandbox, lookups, _say_bites)
    end = fault.serve()
    counters = fault.end()
    ended_at = datetime.now(UTC)
    well_at = None if proof is None or end is End.SANDBOX_GONE else proof.answered_again()
    if well_at is None and sandbox is not None and select.select([sandbox], [], [], 0)[0]:
        end = End.SANDBOX_GONE
    return Result(
        order_id=order.order_id,
        end=end,
        armed_at=armed_at,
        ended_at=ended_at,
        counters=counters,
        proof=Proof.PACKETS if proof is None else Proof.LOOKUPS,
        well_at=well_at,
    )


def main() -> None:
    """Carry out the one order on the standard input, if there comes one."""
    line = sys.stdin.fileno()
    told = sys.stdin.buffer.readline()
    if not told:  # whoever would have given an order is gone
        return
    order = Order.model_validate_json(told)
    try:
        _say(_carry_out(order, Path(sys.argv[1]), line))
    except RefusedError as error:
        _say(Refused(code=error.code, sentence=error.sentence))


if __name__ == "__main__":
    main()
