import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakes.programs import Programs
from ooda.testbed import engine, host
from ooda.testbed.engine import ensure_engine, remove_stale, stop_engine
from ooda.testbed.errors import Refused
from ooda.testbed.images.laboratory import laboratory
from ooda.testbed.layout import Layout
from ooda.testbed.pins import read_pins
from ooda.testbed.progress import Steps
from servers.processes import wait_until

DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at "
    "unix:///var/run/docker.sock"
)


@contextmanager
def process_named(folder: Path, name: str) -> Iterator[int]:
    """A living process that the kernel knows by a name."""
    program = folder / name
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as process:
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            wait_until(lambda: comm.read_text() == f"{name}\n", f"a process named {name}")
            yield process.pid
        finally:
            process.kill()


@contextmanager
def zombie(folder: Path, name: str) -> Iterator[int]:
    """A process that has ended and that nobody has asked for."""
    program = folder / name
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o755)
    process = subprocess.Popen([program])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        yield process.pid
    finally:
        process.wait()


class TestRemoveStale:
    def test_a_living_process_of_that_name_keeps_its_file(self, tmp_path: Path) -> None:
        file = tmp_path / "docker.pid"
        with process_named(tmp_path, "dockerd") as pid:
            file.write_text(f"{pid}\n")
            remove_stale(file, "dockerd")
            assert file.read_text() == f"{pid}\n"

    def test_a_number_that_another_process_has_now_is_stale(self, tmp_path: Path) -> None:
        file = tmp_path / "docker.pid"
        with process_named(tmp_path, "dockerd-else") as pid:
            file.write_text(str(pid))
            remove_stale(file, "dockerd")
            assert not file.exists()

    def test_a_zombie_is_stale(self, tmp_path: Path) -> None:
        file = tmp_path / "docker.pid"
        with zombie(tmp_path, "dockerd") as pid:
            file.write_text(str(pid))
            remove_stale(file, "dockerd")
            assert not file.exists()

    def test_the_number_of_no_process_is_stale(self, tmp_path: Path) -> None:
        file = tmp_path / "docker.pid"
        with process_named(tmp_path, "dockerd") as pid:
            file.write_text(str(pid))
        remove_stale(file, "dockerd")
        assert not file.exists()

    @pytest.mark.parametrize("text", ["", "-1", "12 34", "dockerd", "0"])
    def test_what_is_no_number_of_a_process_is_stale(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "docker.pid"
        file.write_text(text)
        remove_stale(file, "dockerd")
        assert not file.exists()

    def test_no_file_is_no_error(self, tmp_path: Path) -> None:
        remove_stale(tmp_path / "docker.pid", "dockerd")


@pytest.fixture
def ensure(folders: Layout) -> Callable[[], None]:
    steps = Steps(folders.logs)
    lab = laboratory(folders, read_pins(folders.images), steps)
    return lambda: ensure_engine(folders, lab, steps)


USER = {"root": False, "debian": True}
FOREIGN_ROOT = {"root": True, "debian": False}
DEBIAN_ROOT = {"root": True, "debian": True}


def be(monkeypatch: pytest.MonkeyPatch, *, root: bool, debian: bool) -> None:
    monkeypatch.setattr(host, "is_root", lambda: root)
    monkeypatch.setattr(host, "is_debian", lambda: debian)


def test_an_engine_that_answers_is_taken_as_it_is(
    programs: Programs, folders: Layout, ensure: Callable[[], None]
) -> None:
    programs.put("docker", "echo 27.1")
    ensure()
    assert list(folders.engine.iterdir()) == []


@pytest.mark.parametrize(
    ("docker", "who", "said"),
    [
        pytest.param(
            f"echo {DENIED} >&2; exit 1", USER, "usermod -aG docker", id="permission denied"
        ),
        pytest.param(
            f"echo {DENIED} >&2; exit 1", DEBIAN_ROOT, "refuses this user", id="denied to root even"
        ),
        pytest.param(None, USER, "install Docker Engine and start it", id="Debian user"),
        pytest.param(
            None, FOREIGN_ROOT, "install Docker Engine and start it", id="root, no Debian"
        ),
        pytest.param(
            "echo Cannot connect to the daemon >&2; exit 1",
            USER,
            r"does not answer; start it\. It said: Cannot connect to the daemon",
            id="installed, not started, Debian user",
        ),
        pytest.param(
            "echo Cannot connect to the daemon >&2; exit 1",
            FOREIGN_ROOT,
            r"does not answer; start it\. It said: Cannot connect to the daemon",
            id="installed, not started, root, no Debian",
        ),
    ],
)
def test_an_engine_that_we_may_not_see_to_is_refused(
    docker: str | None,
    who: dict[str, bool],
    said: str,
    programs: Programs,
    folders: Layout,
    ensure: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be(monkeypatch, **who)
    if docker is not None:
        programs.put("docker", docker)
    with pytest.raises(Refused, match=said):
        ensure()
    assert list(folders.engine.iterdir()) == []


# The engine outlives the program that starts it, so nobody waits for it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_on_debian_root_gets_one_installed_and_started(
    programs: Programs,
    folders: Layout,
    ensure: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    be(monkeypatch, **DEBIAN_ROOT)
    monkeypatch.setattr(host, "has_systemd", lambda: False)
    monkeypatch.setattr(host, "is_bounded", lambda: False)
    for name in ("_ENGINE_PID", "_CONTAINERD_PID", "_SYSTEM_CONFIG"):
        monkeypatch.setattr(engine, name, tmp_path / name)
    (tmp_path / "_ENGINE_PID").write_text("of a killed engine")
    (tmp_path / "_SYSTEM_CONFIG").write_text('{"data-root": "/big"}')
    installed = tmp_path / "installed"
    programs.put(
        "apt-get",
        f"""echo "$@" >> {installed}
        cd {programs.folder}
        [ "$1" != install ] || {{ /bin/cp spare-docker docker; /bin/cp spare-dockerd dockerd; }}""",
    )
    programs.put("spare-docker", f"[ -e {tmp_path}/started ] && echo 20.10")
    programs.put("spare-dockerd", f'echo "$@" > {tmp_path}/started')
    ensure()

    assert capsys.readouterr().out.startswith("No Docker engine here: installing Debian's")
    assert "docker.io iptables e2fsprogs" in installed.read_text()
    assert (tmp_path / "started").read_text() == f"--config-file {folders.engine}/daemon.json\n"
    assert not (tmp_path / "_ENGINE_PID").exists()
    options = (folders.engine / "daemon.json").read_text()
    assert '"data-root": "/big"' in options
    assert "native.cgroupdriver=cgroupfs" in options


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [
        pytest.param("exit 0", True, id="nothing runs on it"),
        pytest.param("echo 0123abcd", False, id="something runs on it"),
        pytest.param("exit 1", False, id="it does not answer"),
    ],
)
def test_our_engine_is_stopped_when_nothing_runs_on_it(
    programs: Programs,
    folders: Layout,
    tmp_path: Path,
    answer: str,
    stopped: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    programs.put("docker", answer)
    programs.borrow("kill")
    with process_named(tmp_path, "dockerd") as pid:
        (folders.engine / "dockerd.pid").write_text(str(pid))
        assert stop_engine(folders) is stopped
        if stopped:
            assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        else:
            assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    assert (folders.engine / "dockerd.pid").exists() is not stopped


def test_the_engine_of_the_user_is_never_stopped(programs: Programs, folders: Layout) -> None:
    programs.put("docker", "exit 0")
    assert stop_engine(folders) is False


def test_another_process_with_the_number_of_our_engine_is_left_alone(
    programs: Programs, folders: Layout, tmp_path: Path
) -> None:
    programs.put("docker", "exit 0")
    programs.borrow("kill")
    with process_named(tmp_path, "innocent") as pid:
        (folders.engine / "dockerd.pid").write_text(str(pid))
        stop_engine(folders)
        assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
