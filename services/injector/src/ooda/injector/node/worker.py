"""The process of one fault: it enters the sandbox, makes the fault and ends it by its own clock.

It is told where the node's own namespace is, which it never enters. The order comes on its standard
input, which also is its line to whoever gave it: when that closes, for whatever reason, the fault
ends. What it has to say goes to its standard output, a line of JSON each. It never comes back from
the sandbox's namespace, hence a process of its own.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from ooda.common.node_means import Direction, Loss, Unanswered
from ooda.injector.node import namespaces
from ooda.injector.node.core.judges import judge_of
from ooda.injector.node.core.matching import Matching
from ooda.injector.node.kernel import Packets, Rule
from ooda.injector.node.orders import Armed, Order, Refused, Result
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.serving import FaultInForce
from ooda.injector.node.time_left import time_left

_SECOND: Final = 1_000_000_000


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
        )
        for incoming in wanted
    ]


def _say(report: BaseModel) -> None:
    sys.stdout.write(report.model_dump_json() + "\n")
    sys.stdout.flush()


def _carry_out(order: Order, node: Path, line: int) -> Result:
    ends_ns = time.monotonic_ns() + round(time_left(order.until).total_seconds() * _SECOND)
    sandbox = namespaces.watch(order.sandbox)
    descriptor = namespaces.open_namespace(order.sandbox, node)
    namespaces.enter(descriptor)
    os.close(descriptor)
    # The queue first: who has it is alone here.
    packets = Packets(whole=not isinstance(order.fault, Loss))
    rule = Rule()
    rule.install(_directions(order))
    judge = judge_of(order.fault, order.order_id)
    rule.arm()
    armed_at = datetime.now(UTC)
    _say(Armed(order_id=order.order_id, worker=os.getpid(), at=armed_at, until=order.until))
    fault = FaultInForce(rule, packets, judge, ends_ns, line, sandbox)
    end = fault.serve()
    counters = fault.end()
    return Result(
        order_id=order.order_id,
        end=end,
        armed_at=armed_at,
        ended_at=datetime.now(UTC),
        counters=counters,
    )


def main() -> None:
    """Carry out the one order on the standard input."""
    line = sys.stdin.fileno()
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    try:
        _say(_carry_out(order, Path(sys.argv[1]), line))
    except RefusedError as error:
        _say(Refused(code=error.code, sentence=error.sentence))


if __name__ == "__main__":
    main()
