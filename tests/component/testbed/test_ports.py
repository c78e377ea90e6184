import socket

import pytest

from ooda.testbed import preflight
from servers.processes import free_port


def test_a_port_is_taken_when_something_listens_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(preflight, "PORTS", {"NATS": taken, "Postgres": free_port()})
        assert preflight.taken_ports() == {"NATS": taken}


def test_a_port_is_taken_when_something_listens_on_all_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - takes 127.0.0.1 as well
        taken = server.getsockname()[1]
        monkeypatch.setattr(preflight, "PORTS", {"NATS": taken})
        assert preflight.taken_ports() == {"NATS": taken}


def test_a_port_that_was_used_a_moment_ago_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # this side closes first: its connection lingers in TIME_WAIT
        client.close()
    monkeypatch.setattr(preflight, "PORTS", {"NATS": port})
    assert preflight.taken_ports() == {}
