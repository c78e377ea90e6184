import io
import json

import pytest
from rich.console import Console

from ooda.cli.doctor import all_well, as_json, as_table
from ooda.common.bus.connection import NatsFacts
from ooda.common.cluster.connection import ClusterFacts
from ooda.common.connectivity import NotReached, Reachability, Reached
from ooda.common.database import PostgresFacts

NATS = Reached("nats", NatsFacts(version="2.15.1", streams=3))
POSTGRES = Reached("postgres", PostgresFacts(version="15.18", role="ooda"))
CLUSTER = Reached("kubernetes", ClusterFacts(version="v1.36.3", identity="7d1e"))
SICK = NotReached("postgres", "Correct [postgres] url.")


@pytest.mark.parametrize(
    ("results", "well"),
    [
        pytest.param([NATS, POSTGRES, CLUSTER], True, id="all"),
        pytest.param([NATS, SICK, CLUSTER], False, id="all-but-one"),
        pytest.param([SICK], False, id="none"),
    ],
)
def test_all_is_well_only_if_every_server_was_reached(
    results: list[Reachability], *, well: bool
) -> None:
    assert all_well(results) is well
    assert json.loads(as_json(results))["ok"] is well


def test_json_has_the_documented_shape() -> None:
    assert json.loads(as_json([NATS, SICK, CLUSTER])) == {
        "ok": False,
        "servers": {
            "nats": {"ok": True, "facts": {"version": "2.15.1", "streams": 3}, "reason": None},
            "postgres": {"ok": False, "facts": None, "reason": "Correct [postgres] url."},
            "kubernetes": {
                "ok": True,
                "facts": {"version": "v1.36.3", "identity": "7d1e"},
                "reason": None,
            },
        },
    }


def test_the_table_shows_what_the_servers_say_and_keeps_brackets() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(as_table([POSTGRES, SICK]))
    shown = console.export_text()
    assert "version 15.18, role ooda" in shown
    assert "Correct [postgres] url." in shown
