"""What the observer's fold costs: deltas per second, a tick, and memory, with 5,000 pods.

The objects share their texts here, so that the memory of a real cluster is a few times as much.

Run it with ``PYTHONPATH=tests .venv/bin/python benchmarks/observer_fold.py``.
"""

import datetime as dt
import sys
import time
import tracemalloc

from factories.objects import NOW, container, deployment, node, pod, replica_set
from factories.observed import RULES
from ooda.common.cluster.interface import Delta, Synced
from ooda.common.cluster.kinds import Kind
from ooda.observer.core.fold import step
from ooda.observer.core.inputs import Tick
from ooda.observer.core.sources import WATCHED
from ooda.observer.core.state import State, initial

WORKLOADS, PODS_EACH, ROUNDS = 500, 10, 2000


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def filled() -> State:
    """Return a state with 5,000 healthy pods."""
    state = initial(RULES)
    objects = [node()]
    for number in range(WORKLOADS):
        name = f"w{number}"
        objects += [
            deployment(name, replicas=PODS_EACH),
            replica_set(f"{name}-1", replicas=PODS_EACH),
        ]
        owner = ("ReplicaSet", f"{name}-1")
        objects += [pod(f"{name}-1-{each}", owner=owner) for each in range(PODS_EACH)]
    for each in objects:
        state, _ = step(state, Delta(Kind(each["kind"]), "added", each), NOW)
    for kind in sorted(WATCHED):
        state, _ = step(state, Synced(kind), NOW)
    return state


def main() -> None:
    """Measure and print."""
    tracemalloc.start()
    state = filled()
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    deltas = []
    for each in range(ROUNDS):
        name = f"w{each % WORKLOADS}-1"
        body = pod(
            f"{name}-0",
            version=each + 2,
            owner=("ReplicaSet", name),
            containers=[container(restarts=each)],
        )
        deltas.append(Delta(Kind.POD, "modified", body))
    began = time.perf_counter()
    for delta in deltas:
        state, _ = step(state, delta, NOW)
    seconds = time.perf_counter() - began
    say(f"deltas per second: {ROUNDS / seconds:,.0f}")
    for name, later in (("tick", 0.25), ("tick with snapshot", 6.0)):
        state, _ = step(state, Tick(), NOW)
        began = time.perf_counter()
        state, _ = step(state, Tick(), NOW + dt.timedelta(seconds=later))
        say(f"{name}: {(time.perf_counter() - began) * 1000:,.1f} ms")
    say(f"memory with {WORKLOADS * PODS_EACH:,} pods: {memory / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
