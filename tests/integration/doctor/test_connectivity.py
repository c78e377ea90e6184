"""The checks against a real NATS and a real Postgres, well and unwell."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from ooda.common.bus.connection import NatsFacts
from ooda.common.connectivity import NotReached, Reachability, Reached, check_all
from ooda.common.database import PostgresFacts
from ooda.common.settings import Settings
from servers.nats import PASSWORD, USER, nats, started

WRONG = "wrong-and-never-printed"
DEADLINE = 1.0
"""Seconds; long for a server on loopback, short for a person who waits for the tests."""


def bus(url: str, password: str = PASSWORD, user: str = USER) -> dict[str, Any]:
    return {"nats": {"url": url, "user": user, "password": password}}


def database(dsn: str, **changed: str) -> dict[str, Any]:
    of = {**conninfo_to_dict(dsn), **changed}
    url = f"postgresql://{of['host']}:{of['port']}/{of['dbname']}"
    return {"postgres": {"url": url, "user": of["user"], "password": of["password"]}}


async def checked(server: str, sections: dict[str, Any], deadline: float = 10) -> Reachability:
    results = {each.server: each for each in await check_all(Settings(**sections), deadline)}
    assert list(results) == ["nats", "postgres", "kubernetes"]
    return results[server]


async def reason(server: str, sections: dict[str, Any], deadline: float = 10) -> str:
    result = await checked(server, sections, deadline)
    assert isinstance(result, NotReached), result
    assert WRONG not in result.reason
    return result.reason


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port where connections are accepted (by the kernel) and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """Host and port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


async def test_a_nats_server_that_is_well(nats_url: str) -> None:
    assert await checked("nats", bus(nats_url)) == Reached("nats", NatsFacts("2.15.1", streams=0))


async def test_a_postgres_server_that_is_well(postgres_dsn: str) -> None:
    result = await checked("postgres", database(postgres_dsn))
    assert isinstance(result, Reached)
    assert isinstance(result.facts, PostgresFacts)
    assert result.facts.role == "postgres"
    assert int(result.facts.version.split(".")[0]) >= 15


async def test_a_wrong_nats_password(nats_url: str) -> None:
    assert f"refuses user {USER}" in await reason("nats", bus(nats_url, WRONG))


async def test_no_nats_user_where_one_is_needed(nats_url: str) -> None:
    assert "refuses user (none)" in await reason("nats", {"nats": {"url": nats_url}})


async def test_nats_without_jetstream(tmp_path: Path) -> None:
    with nats(tmp_path, jetstream=False) as url:
        assert "JetStream is not enabled" in await reason("nats", bus(url))


async def test_a_nats_user_who_may_not_ask_jetstream(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(
        'authorization { users: [{ user: u, password: p, permissions: { publish: "x" } }] }'
    )
    with started(tmp_path, ["-c", str(config), "-js", "-sd", str(tmp_path)]) as ports:
        said = await reason("nats", bus(ports["nats"], "p", "u"), deadline=DEADLINE)
    assert "grant it $JS.API.INFO" in said


async def test_a_wrong_postgres_password(postgres_dsn: str) -> None:
    said = await reason("postgres", database(postgres_dsn, password=WRONG))
    assert "refuses user or password" in said


async def test_a_database_that_does_not_exist(postgres_dsn: str) -> None:
    said = await reason("postgres", database(postgres_dsn, dbname="nowhere"))
    assert 'database "nowhere" does not exist' in said


@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_nothing_listens(server: str, nobody: str) -> None:
    scheme = "nats" if server == "nats" else "postgresql"
    said = await reason(server, {server: {"url": f"{scheme}://{nobody}"}})
    assert f"Nothing listens at {nobody}" in said


@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_an_unknown_host(server: str) -> None:
    scheme = "nats" if server == "nats" else "postgresql"
    said = await reason(server, {server: {"url": f"{scheme}://no-such-host.invalid"}})
    assert "The name no-such-host.invalid" in said


async def test_a_nats_server_where_postgres_is_expected(nats_url: str) -> None:
    url = nats_url.replace("nats://", "postgresql://")
    assert "did not open a session" in await reason("postgres", {"postgres": {"url": url}})


async def test_a_server_of_another_kind_where_nats_is_expected() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await reason("nats", {"nats": {"url": f"nats://127.0.0.1:{port}"}})
    assert f"What listens at 127.0.0.1:{port} does not speak NATS" in said


async def test_servers_that_never_answer_are_given_up_together(silent: str, home: Path) -> None:
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(
        f"""{{"current-context": "c", "contexts": [{{"name": "c", "context": {{"cluster": "k",
        "user": "u"}}}}], "clusters": [{{"name": "k", "cluster": {{"server":
        "https://{silent}"}}}}], "users": [{{"name": "u", "user": {{"token": "t"}}}}]}}"""
    )
    settings = Settings.model_validate(
        {
            "nats": {"url": f"nats://{silent}"},
            "postgres": {"url": f"postgresql://{silent}"},
            "cluster": {"kubeconfig": kubeconfig},
        }
    )
    begun = time.monotonic()
    results = await check_all(settings, DEADLINE)
    assert time.monotonic() - begun < DEADLINE + 0.7
    assert [type(result) for result in results] == [NotReached] * 3
    assert all("No answer within 1 s" in str(result) for result in results), results


async def test_a_nats_server_that_falls_silent_after_the_greeting() -> None:
    async def greet_then_ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version": "2.15.1", "max_payload": 1048576}\r\n')
        with suppress(ConnectionResetError):
            while line := await reader.readline():
                if line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(greet_then_ignore, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        begun = time.monotonic()
        said = await reason("nats", {"nats": {"url": f"nats://127.0.0.1:{port}"}}, DEADLINE)
        assert time.monotonic() - begun < DEADLINE + 0.7
    assert "No answer within 1 s" in said


async def test_a_server_that_gives_up_waiting_for_our_name_refuses_nobody() -> None:
    async def greet_then_give_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b'INFO {"version": "2.15.1", "max_payload": 1048576, "auth_required": true}\r\n'
        )
        with suppress(ConnectionResetError):
            if await reader.readline():
                writer.write(b"-ERR 'Authentication Timeout'\r\n")
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet_then_give_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await reason("nats", bus(f"nats://127.0.0.1:{port}"))
    assert "No answer within 10 s" in said
    assert "refuses" not in said


async def test_what_is_not_configured_says_how_to(home: Path) -> None:
    for result in await check_all(Settings(), DEADLINE):
        assert isinstance(result, NotReached)
        assert "run `make " in result.reason
        assert str(home) in result.reason
