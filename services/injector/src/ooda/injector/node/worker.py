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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from ooda.common.node_means import AGAIN_SECONDS, Answers, Direction, Loss, Proof, Unanswered
from ooda.injector.node import namespaces
from ooda.injector.node.core.judges import head_of, judge_of
from ooda.injector.node.core.lookups import code_told, is_hit, told_by
from ooda.injector.node.core.matching import Matching
from ooda.injector.node.core.trains import PATIENCE_NS, Train, deadline_ns
from ooda.injector.node.kernel import Packets, Rule
from ooda.injector.node.orders import (
    Armed,
    Bites,
    ContactOrder,
    End,
    Lookup,
    Order,
    Refusal,
    Refused,
    Result,
    Sandbox,
)
from ooda.injector.node.questions import Question, Questions, first_answer
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.serving import FaultInForce
from ooda.injector.node.time_left import time_left
from ooda.injector.node.vigil import Vigil

_SECOND: Final = 1_000_000_000
_BEFORE_NS: Final = _SECOND
"""How long an answer is waited for before the fault is made; one takes milliseconds."""
_FIRST_NS: Final = 3 * _SECOND
"""And where nothing is begun without one."""
_AFTERWARDS_NS: Final = 2 * _SECOND
"""How long one is waited for after its end; whoever gave the order waits for three seconds."""
_AGAIN_NS: Final = round(AGAIN_SECONDS * _SECOND)
_ORDER: Final[TypeAdapter[Order | ContactOrder]] = TypeAdapter(
    Annotated[Order | ContactOrder, Field(discriminator="kind")]
)


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


def _say_bites(proof: Proof, since_ns: int) -> None:
    ago = (time.monotonic_ns() - since_ns) / _SECOND
    _say(Bites(at=datetime.now(UTC) - timedelta(seconds=ago), proof=proof))


@dataclass(frozen=True)
class _Line:
    """What closes when the order is to end, and what tells that whoever gave it is gone."""

    descriptor: int
    orderer: int


@dataclass(frozen=True)
class _Proof:
    """A question that was answered before, and how late or which an answer tells of a fault."""

    question: Question
    questions: Sequence[Question]
    """All like it, itself among them."""
    deadline_ns: int
    code: int | None = None
    """Of an answer that tells; None: that none comes in time does."""

    @property
    def kind(self) -> Proof:
        return Proof.LOOKUPS if isinstance(self.question, Lookup) else Proof.CONNECTIONS

    def begun(self) -> Questions:
        return Questions(self.question, Train(self.deadline_ns, time.monotonic_ns(), self.code))

    def answered_again(
        self, patience_ns: int, orderer: int, sandbox: int | None
    ) -> datetime | None:
        """Wait for an answer, of whomever: not each of them need be there any more.

        Nobody is asked once the sandbox is gone, or whoever gave the order.
        """
        gone = [orderer, *([] if sandbox is None else [sandbox])]
        deadline = min(self.deadline_ns, PATIENCE_NS)
        answer = first_answer(self.questions, deadline, patience_ns, gone)
        return None if answer is None else datetime.now(UTC)


def _provable(order: Order) -> _Proof | None:
    """Say how questions tell of the fault; None if it would not hit them, or they fail already."""
    lookups = [] if order.lookup is None else told_by(order.lookup, order)
    questions: Sequence[Question] = lookups if is_hit(order) else order.asks
    answer = first_answer(questions, _BEFORE_NS, _BEFORE_NS)
    if answer is None:
        return None
    deadline = deadline_ns(order, answer.took_ns)
    return _Proof(answer.question, questions, deadline, code_told(order))


def _enter(sandbox: Sandbox, node: Path) -> int | None:
    """Enter a sandbox for good, and return what tells that it is gone, if anything does."""
    watched = namespaces.watch(sandbox)
    descriptor = namespaces.open_namespace(sandbox, node)
    namespaces.enter(descriptor)
    os.close(descriptor)
    return watched


def _in_force(order: Order | ContactOrder) -> datetime:
    now = datetime.now(UTC)
    _say(Armed(order_id=order.order_id, worker=os.getpid(), at=now, until=order.until))
    return now


def _is_gone(sandbox: int | None) -> bool:
    return sandbox is not None and bool(select.select([sandbox], [], [], 0)[0])


def _ends_ns(order: Order | ContactOrder) -> int:
    return time.monotonic_ns() + round(time_left(order.until).total_seconds() * _SECOND)


def _carry_out(order: Order, node: Path, line: _Line) -> Result:
    ends_ns = _ends_ns(order)
    sandbox = _enter(order.sandbox, node)
    # The queue first: who has it is alone here.
    # Chance is drawn, and an answer is read, for each packet of the wire.
    whole = not isinstance(order.fault, Loss | Answers)
    packets = Packets(whole=whole, head=head_of(order.fault))
    proof = _provable(order)
    rule = Rule()
    rule.install(_directions(order))
    judge = judge_of(order.fault, order.order_id)
    rule.arm()
    armed_at = _in_force(order)
    kind, questions = (Proof.PACKETS, None) if proof is None else (proof.kind, proof.begun())
    vigil = Vigil(line.descriptor, sandbox, questions, partial(_say_bites, kind))
    fault = FaultInForce(rule, packets, judge, ends_ns, vigil)
    end = fault.serve()
    counters = fault.end()
    ended_at, well_at = datetime.now(UTC), None
    if proof is not None and end is not End.SANDBOX_GONE:
        well_at = proof.answered_again(_AFTERWARDS_NS, line.orderer, sandbox)
    return Result(
        order_id=order.order_id,
        end=End.SANDBOX_GONE if well_at is None and _is_gone(sandbox) else end,
        armed_at=armed_at,
        ended_at=ended_at,
        counters=counters,
        proof=kind,
        well_at=well_at,
    )


def _ask(order: ContactOrder, node: Path, line: _Line) -> Result:
    """Change nothing: say since when nobody answers, and when somebody does again."""
    ends_ns = _ends_ns(order)
    sandbox = _enter(order.sandbox, node)
    patience = _BEFORE_NS if order.answered else _FIRST_NS
    answer = first_answer(order.asks, PATIENCE_NS, patience)
    if answer is None and not order.answered:
        asked = ", ".join(map(str, order.asks))
        raise RefusedError(Refusal.UNANSWERED, f"no connection to {asked} was answered before")
    armed_at = _in_force(order)
    proof = _Proof(order.asks[0] if answer is None else answer.question, order.asks, PATIENCE_NS)
    vigil = Vigil(line.descriptor, sandbox, proof.begun(), partial(_say_bites, proof.kind))
    end = vigil.keep_until(ends_ns)
    vigil.close()
    ended_at, well_at = datetime.now(UTC), None
    if end is not End.SANDBOX_GONE:
        well_at = proof.answered_again(_AGAIN_NS, line.orderer, sandbox)
    return Result(
        order_id=order.order_id,
        end=End.SANDBOX_GONE if well_at is None and _is_gone(sandbox) else end,
        armed_at=armed_at,
        ended_at=ended_at,
        proof=proof.kind,
        well_at=well_at,
    )


def main() -> None:
    """Carry out the one order on the standard input, if there comes one."""
    # From the start: whoever is gone has left this process to another parent.
    line = _Line(sys.stdin.fileno(), os.pidfd_open(os.getppid()))
    told = sys.stdin.buffer.readline()
    if not told:  # whoever would have given an order is gone
        return
    order = _ORDER.validate_json(told)
    node = Path(sys.argv[1])
    try:
        _say(_carry_out(order, node, line) if isinstance(order, Order) else _ask(order, node, line))
    except RefusedError as error:
        _say(Refused(code=error.code, sentence=error.sentence))


if __name__ == "__main__":
    main()
