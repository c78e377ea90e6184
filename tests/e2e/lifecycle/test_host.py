from pathlib import Path

import pytest

from e2e.lifecycle.machine import Run
from ooda.testbed import host
from ooda.testbed.layout import layout
from ooda.testbed.pins import read_pins

pytestmark = pytest.mark.cluster


def test_a_user_of_docker_may_give_orders_to_the_hosts_root(
    monkeypatch: pytest.MonkeyPatch, testbed: Run
) -> None:
    testbed("images")
    monkeypatch.setattr(host, "is_root", lambda: False)
    image = read_pins(layout().images).node
    assert host.as_root("id", "-u", helper_image=image).strip() == "0"
    namespaces = host.as_root(
        "readlink", "/proc/self/ns/mnt", "/proc/self/ns/net", helper_image=image
    )
    ours = [str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("mnt", "net")]
    assert namespaces.split() == ours
