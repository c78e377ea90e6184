import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ooda.testbed import commands
from ooda.testbed.commands import run, succeeds
from ooda.testbed.errors import CommandFailed
from servers.processes import wait_until

SHELL = "/bin/sh"


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_pid(file: Path) -> int:
    wait_until(lambda: file.is_file() and file.read_text().endswith("\n"), file.name)
    return int(file.read_text())


def test_output_is_returned_and_errors_are_not() -> None:
    assert run(SHELL, "-c", "echo out; echo error >&2") == "out\n"


def test_input_folder_and_environment_are_given(tmp_path: Path) -> None:
    said = run(SHELL, "-c", "cat; pwd; echo $ONE $HOME", stdin="in\n", cwd=tmp_path,
               env={"ONE": "1"})  # fmt: skip
    assert said == f"in\n{tmp_path}\n1 {os.environ['HOME']}\n"


def test_without_input_there_is_none_to_wait_for() -> None:
    assert run(SHELL, "-c", "cat", deadline=5) == ""


def test_a_failure_tells_the_code_and_what_was_said() -> None:
    with pytest.raises(CommandFailed, match=r"failed with code 3:\n    error\n    out") as failed:
        run(SHELL, "-c", "echo out; echo error >&2; exit 3")
    assert failed.value.output == "error\nout\n"


def test_output_goes_to_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    assert run(SHELL, "-c", "echo out; echo error >&2", log=log) == ""
    assert log.read_text() == "before\nout\nerror\n"


def test_a_failure_quotes_the_end_of_the_log_and_names_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CommandFailed) as failed:
        run(SHELL, "-c", "for i in $(seq 5000); do echo line $i; done; exit 1", log=log)
    said = str(failed.value)
    assert "    line 5000\n" in said
    assert "line 4992\n" not in said
    assert f"whole log: {log}" in said
    assert len(failed.value.output) <= 4000


def test_a_missing_program_is_a_failure_like_any_other() -> None:
    with pytest.raises(CommandFailed, match="`no-such-program -x` could not be started"):
        run("no-such-program", "-x")


@pytest.mark.parametrize(
    ("argv", "well"),
    [
        pytest.param((SHELL, "-c", "exit 0"), True, id="ends with 0"),
        pytest.param((SHELL, "-c", "exit 1"), False, id="ends with 1"),
        pytest.param(("no-such-program",), False, id="missing"),
    ],
)
def test_succeeds(argv: tuple[str, ...], *, well: bool) -> None:
    assert succeeds(*argv) is well


@pytest.mark.parametrize(
    "child",
    [
        pytest.param("sleep 60", id="which obeys"),
        pytest.param("trap '' TERM; sleep 60; sleep 60", id="which ignores the polite signal"),
    ],
)
def test_after_the_deadline_nothing_of_the_program_is_left(tmp_path: Path, child: str) -> None:
    pid_file = tmp_path / "pid"
    script = f"({child}) & echo $! > {pid_file}; wait"
    with pytest.raises(CommandFailed, match="was not done within 0 s"):
        run(SHELL, "-c", script, deadline=0.4)
    pid = await_pid(pid_file)
    wait_until(lambda: not is_alive(pid), "the end of the child", 3)


def test_a_program_that_ignores_the_polite_signal_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "_GRACE", 0.1)
    pid_file, script = tmp_path / "pid", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"
    with pytest.raises(CommandFailed, match="was not done"):
        run(SHELL, "-c", script, cwd=tmp_path, deadline=0.4)
    pid = await_pid(pid_file)
    assert not is_alive(pid)


def test_what_was_said_before_the_deadline_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="half the way"):
        run(SHELL, "-c", "echo half the way; sleep 60", deadline=0.3, log=tmp_path / "log")


def test_an_interrupt_ends_the_program_too(tmp_path: Path) -> None:
    script = (
        "from ooda.testbed.commands import run\n"
        "run('/bin/sh', '-c', 'echo $$ > pid; sleep 60', deadline=60)\n"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    pid = await_pid(tmp_path / "pid")
    assert is_alive(pid)
    ours.send_signal(signal.SIGINT)
    _, errors = ours.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert not is_alive(pid)


def test_end_all_ends_what_runs_in_other_threads(tmp_path: Path) -> None:
    failures: list[CommandFailed] = []

    def lane(name: str) -> None:
        try:
            run(SHELL, "-c", f"echo $$ > {tmp_path / name}; exec sleep 60")
        except CommandFailed as failure:
            failures.append(failure)

    lanes = [threading.Thread(target=lane, args=(name,)) for name in ("one", "two")]
    for each in lanes:
        each.start()
    pids = [await_pid(tmp_path / name) for name in ("one", "two")]
    commands.end_all()
    for each in lanes:
        each.join(timeout=10)
    assert len(failures) == 2
    assert not any(is_alive(pid) for pid in pids)
