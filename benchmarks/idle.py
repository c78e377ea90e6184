"""What the five services cost while nothing happens: processor and memory, over a minute.

    .venv/bin/python benchmarks/idle.py

Asks the testbed's Prometheus, which reads the kubelets' cAdvisor every 5 s; the shop's customers
buy meanwhile, so that the services have something to watch. Needs `make shop` and `make agent`.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

PROMETHEUS = "http://127.0.0.1:19090/api/v1/query"
SERVICES = ("observer", "orienter", "decider", "actor", "recorder")
SECONDS = 60
_PODS = f'namespace="ooda-system",pod=~"({"|".join(SERVICES)})-.*"'


def main() -> None:
    """Wait a minute and print a table."""
    time.sleep(SECONDS)
    cores = _by_service(f"rate(container_cpu_usage_seconds_total{{{_PODS}}}[{SECONDS}s])")
    memory = _by_service(f"container_memory_working_set_bytes{{{_PODS}}}")
    sys.stdout.write(f"{'service':<10}{'cores':>8}{'MB':>8}\n")
    for service in SERVICES:
        used = memory[service] / 1e6
        sys.stdout.write(f"{service:<10}{cores[service]:>8.3f}{used:>8.1f}\n")
    total = sum(memory.values()) / 1e6
    sys.stdout.write(f"{'together':<10}{sum(cores.values()):>8.3f}{total:>8.1f}\n")


def _by_service(query: str) -> dict[str, float]:
    url = f"{PROMETHEUS}?{urllib.parse.urlencode({'query': f'sum by (pod) ({query})'})}"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a server of ours on loopback
        found = json.load(answer)["data"]["result"]
    return {each["metric"]["pod"].partition("-")[0]: float(each["value"][1]) for each in found}


if __name__ == "__main__":
    main()
