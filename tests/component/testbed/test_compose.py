"""Passwords, refusals and the clean-up, with programs that only note how they are called."""

from pathlib import Path

import pytest

from fakes.programs import Programs
from ooda.testbed.compose.containers import Project, remove_containers
from ooda.testbed.compose.private import PrivateFolder
from ooda.testbed.compose.running import Compose
from ooda.testbed.compose.target import Target
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import Layout
from ooda.testbed.progress import Steps

PORTS = {"NATS": "1", "Postgres": "2"}
CLUSTER = {"kubeconfig": "/one", "context": "one"}


@pytest.fixture
def compose(folders: Layout) -> Compose:
    return Compose(folders, Steps(folders.logs))


def target(context: str) -> Target:
    return Target(Kubectl(Path("/no/kubectl"), Path("/one"), context), "https://api:6443")


def test_passwords_are_made_once_and_each_is_another(folders: Layout) -> None:
    folder = PrivateFolder(folders.compose)
    assert not folder.has_passwords
    made = folder.ensure_passwords()
    everything = [*made.nats.values(), *made.postgres.values()]
    assert len(set(everything)) == len(everything)
    assert folder.has_passwords
    assert folder.ensure_passwords() == made


def test_nobody_else_gets_into_the_folder_whose_files_containers_read(folders: Layout) -> None:
    folder = PrivateFolder(folders.compose)
    passwords = folder.ensure_passwords()
    folder.write({"some.environment": "export A=b\n"}, {"OODA_IMAGE": "ooda:key"})
    folder.write_config(passwords, PORTS, CLUSTER)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (folder.files / "some.environment").stat().st_mode & 0o777 == 0o644
    assert folder.config.stat().st_mode & 0o777 == 0o600
    assert folder.cluster == CLUSTER
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_for_a_second_cluster_it_is_refused(compose: Compose, programs: Programs) -> None:
    programs.put("docker", "exit 0")
    compose.folder.write_config(compose.folder.ensure_passwords(), PORTS, CLUSTER)
    with pytest.raises(Refused, match=r"brought up for context one of /one.*compose-down"):
        compose.up(target("two"), "ooda:key", ("docker-compose",))


def test_volumes_whose_passwords_are_lost_are_refused(compose: Compose, programs: Programs) -> None:
    programs.put("docker", 'case "$*" in "volume ls "*) echo some-volume;; esac')
    with pytest.raises(Refused, match=r"passwords are not.*compose-down"):
        compose.up(target("one"), "ooda:key", ("docker-compose",))


def test_what_cannot_be_stopped_is_removed_all_the_same(programs: Programs, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    programs.put(
        "docker",
        f'echo "$*" >> {calls}\n'
        'case "$*" in\n'
        '"ps "*) echo dead alive;;\n'
        '"volume ls "*) echo store;;\n'
        '"network ls "*) echo net;;\n'
        '"stop "*) exit 1;;\n'
        "esac",
    )
    remove_containers(tmp_path / "log")
    orders = [line for line in calls.read_text().splitlines() if "--filter" not in line]
    assert orders[1:] == [
        "rm --force --volumes dead alive",
        "volume rm --force store",
        "network rm net",
    ]


def test_where_nothing_is_left_nothing_is_ordered(programs: Programs, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    programs.put("docker", f'echo "$*" >> {calls}')
    remove_containers(tmp_path / "log")
    assert [line for line in calls.read_text().splitlines() if "--filter" not in line] == []


def test_it_goes_with_its_cluster_and_with_no_other(compose: Compose, programs: Programs) -> None:
    programs.put("docker", "exit 0")
    compose.folder.write_config(compose.folder.ensure_passwords(), PORTS, CLUSTER)
    compose.down_with(Path("/another"))
    assert compose.folder.has_passwords
    compose.down_with(Path("/one"))
    assert not compose.folder.path.exists()


def test_of_a_start_that_failed_the_log_says_how_each_container_was(
    programs: Programs, tmp_path: Path
) -> None:
    programs.put(
        "docker-compose",
        'case "$*" in *" up "*) echo not healthy; exit 1;; *" logs "*) echo last words;; esac',
    )
    log = tmp_path / "log"
    project = Project(("docker-compose",), tmp_path / "compose.yaml", tmp_path / "variables.env")
    with pytest.raises(CommandFailed, match="not healthy"):
        project.start(log)
    assert "last words" in log.read_text()
