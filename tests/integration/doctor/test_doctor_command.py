"""The command as people run it: a process of its own, its exit status, its output."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ooda.common.config_file import config_path, write_config
from servers.nats import PASSWORD, USER

OODA = Path(sys.executable).parent / "ooda"


def ooda(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OODA, *arguments],
        env={**os.environ, "COLUMNS": "300", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture
def sections(nats_url: str, postgres_dsn: str) -> Mapping[str, Mapping[str, str]]:
    at = conninfo_to_dict(postgres_dsn)
    return {
        "nats": {"url": nats_url, "user": USER, "password": PASSWORD},
        "postgres": {
            "url": f"postgresql://{at['host']}:{at['port']}/{at['dbname']}",
            "user": str(at["user"]),
            "password": str(at["password"]),
        },
    }


@pytest.mark.usefixtures("home")
def test_what_the_setup_writes_is_what_the_doctor_uses(
    sections: Mapping[str, Mapping[str, str]],
) -> None:
    write_config(config_path(), sections)
    done = ooda("doctor", "--output", "json")
    told = json.loads(done.stdout)
    assert told["servers"]["nats"] == {
        "ok": True,
        "facts": {"version": "2.15.1", "streams": 0},
        "reason": None,
    }
    assert told["servers"]["postgres"]["facts"]["role"] == "postgres"
    assert told["servers"]["kubernetes"]["ok"] is False
    assert "does not exist: run `make cluster`" in told["servers"]["kubernetes"]["reason"]
    assert (told["ok"], done.returncode, done.stderr) == (False, 1, "")


@pytest.mark.usefixtures("home")
def test_the_table_says_the_same_and_no_password(
    sections: Mapping[str, Mapping[str, str]],
) -> None:
    write_config(config_path(), sections)
    done = ooda("doctor")
    assert done.returncode == 1
    assert "version 2.15.1, streams 0" in done.stdout
    assert "not ok" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def test_a_configuration_that_others_can_read_is_refused(home: Path) -> None:
    config = home / "config.toml"
    config.write_text('[nats]\npassword = "never-printed"\n')
    config.chmod(0o644)
    done = ooda("doctor", OODA_CONFIG=str(config))
    assert done.returncode == 2
    assert f"chmod 600 {config}" in done.stderr
    assert "never-printed" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("doctor", "--output", "xml"), ("doctor", "--timeout", "0")])
def test_wrong_usage_is_told_apart_from_a_sick_server(arguments: tuple[str, ...]) -> None:
    done = ooda(*arguments)
    assert done.returncode == 2
    assert "Invalid value" in done.stderr


def test_the_version() -> None:
    done = ooda("--version")
    assert (done.returncode, done.stdout) == (0, "ooda 0.1.0\n")


def test_the_help_says_where_the_configuration_is_and_what_the_exit_status_means() -> None:
    done = ooda("doctor", "--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("OODA_NATS__URL", "config.toml", "Exit status"))


def test_an_interrupt_ends_it_at_once_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"nats://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [OODA, "doctor", "--timeout", "60"],
            env={**os.environ, "OODA_NATS__URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A connection in the queue means that it is waiting for an answer.
        assert select.select([silent], [], [], 20)[0]
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert time.monotonic() - begun < 3
    assert (process.returncode, out, err) == (130, "", "")
