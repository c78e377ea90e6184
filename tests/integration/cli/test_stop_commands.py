"""`ooda stop` and `ooda resume` on a real API server: they need nothing else."""

from servers.command_line import Ooda
from servers.control_plane import ControlPlane
from servers.processes import free_port


def test_stopped_once_and_resumed_once(ooda: Ooda, home: ControlPlane) -> None:
    ooda.environment["OODA_CLUSTER__KUBECONFIG"] = str(home.kubeconfig("cli"))
    told = [
        ooda(*arguments)
        for arguments in (
            ("resume",),
            ("stop", "--reason", "[red]maintenance[/red] \x1b[2J"),
            ("stop",),
            ("resume",),
            ("resume",),
        )
    ]
    assert [(each.returncode, each.stderr) for each in told] == [(0, "")] * 5
    assert [each.stdout.split()[0] + each.stdout.split()[-1] for each in told] == [
        "Itstopped.",
        "Stopped:resume`.",
        "Italready.",
        "Resumed:again.",
        "Itstopped.",
    ]


def test_a_stop_that_is_refused_or_cannot_be_asked_for(ooda: Ooda, plane: ControlPlane) -> None:
    plane.kubectl("create", "serviceaccount", "stranger")
    token = plane.kubectl("create", "token", "stranger").strip()
    for name, config in (
        ("forbidden", plane.kubeconfig("stranger", token)),
        ("unknown", plane.kubeconfig("unknown", "no-such-token")),
        ("away", plane.kubeconfig("away", server=f"https://127.0.0.1:{free_port()}")),
    ):
        ooda.environment["OODA_CLUSTER__KUBECONFIG"] = str(config)
        for command in ("stop", "resume"):
            done = ooda(command)
            assert (done.returncode, done.stdout) == (3, ""), (name, done)
            assert done.stderr.startswith("Error: "), name
            assert done.stderr.count("\n") == 1, (name, done.stderr)


def test_without_a_cluster(ooda: Ooda) -> None:
    done = ooda("stop")
    assert (done.returncode, done.stdout) == (3, "")
    assert "run `make cluster`" in done.stderr
