"""Drive the observer's fold as the API server and the clock would."""

import datetime as dt
from typing import Any, Literal

from factories.objects import NAMESPACE, NOW, deployment, node, pod, replica_set
from ooda.common.cluster.interface import Alive, Delta, Synced
from ooda.common.cluster.kinds import Kind
from ooda.common.events import AnomalyFlagged
from ooda.common.taxonomy import Signal
from ooda.observer.core.fold import step
from ooda.observer.core.inputs import Clear, Flag, Input, Output, Remember, Snapshot, Tick
from ooda.observer.core.sources import WATCHED
from ooda.observer.core.state import Namespace, Rules, initial

RULES = Rules(
    cluster_id="cluster", own_namespace="ooda-system", excluded=frozenset({"kube-system"})
)


class Observed:
    """A fold with a clock; times are seconds after NOW."""

    def __init__(
        self,
        *objects: dict[str, Any],
        flagged: tuple[AnomalyFlagged, ...] = (),
        rules: Rules = RULES,
    ) -> None:
        self.state = initial(rules, flagged)
        self.seconds = 0.0
        self.said: list[Output] = []
        self._version = 1000
        for each in objects:
            self.tell(each, "added")
        for kind in sorted(WATCHED):
            self.give(Synced(kind))

    @property
    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=self.seconds)

    def give(self, given: Input) -> None:
        self.state, outputs = step(self.state, given, self.now)
        self.said += outputs

    def tell(
        self,
        body: dict[str, Any],
        change: Literal["added", "modified", "deleted"] = "modified",
        *,
        fresh: bool = True,
    ) -> None:
        if fresh:
            self._version += 1
            meta = body["metadata"] | {"resourceVersion": str(self._version)}
            body = body | {"metadata": meta}
        self.give(Delta(Kind(body["kind"]), change, body))

    def wait(self, seconds: float, *, alive: bool = True) -> None:
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds = min(self.seconds + 0.25, end)
            if alive and self.seconds % 10 == 0:
                for kind in sorted(WATCHED):
                    self.give(Alive(kind))
            self.give(Tick())

    @property
    def flags(self) -> list[AnomalyFlagged]:
        return [each.event for each in self.said if isinstance(each, Flag)]

    @property
    def signals(self) -> list[Signal]:
        return [each.signal for each in self.flags]

    @property
    def clears(self) -> list[Signal]:
        return [each.event.signal for each in self.said if isinstance(each, Clear)]

    @property
    def remembered(self) -> list[Remember]:
        return [each for each in self.said if isinstance(each, Remember)]

    @property
    def snapshot(self) -> Snapshot:
        return [each for each in self.said if isinstance(each, Snapshot)][-1]

    @property
    def namespace(self) -> Namespace:
        return self.state.namespaces[NAMESPACE]


def healthy(replicas: int = 1, **given: Any) -> list[dict[str, Any]]:
    """Return a Deployment with its ReplicaSet, pods and node, all well."""
    pods = [pod(f"checkout-1-{letter}") for letter in "abcdefghij"[:replicas]]
    return [
        node(),
        deployment(replicas=replicas, **given),
        replica_set(replicas=replicas),
        *pods,
    ]
