"""Questions to the cluster's Prometheus."""

from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Sample:
    """One series' value at the time of the question."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Prometheus:
    """Asks in PromQL."""

    http: httpx.Client

    def ask(self, expression: str) -> list[Sample]:
        """The instant vector of an expression."""
        answer = self.http.get("/api/v1/query", params={"query": expression}).raise_for_status()
        result = answer.json()["data"]["result"]
        return [Sample(labels=each["metric"], value=float(each["value"][1])) for each in result]
