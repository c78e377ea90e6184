"""Whose a process is, by the names that kubelets give to cgroups."""

import pytest

from ooda.injector.node.core.cgroups import belongs_to

UID = "0a1b2c3d-1111-2222-3333-444455556666"
OTHER = "0a1b2c3d-1111-2222-3333-444455556667"
UNDERSCORED = UID.replace("-", "_")
CGROUPS = {
    "version 2, systemd": "0::/kubepods.slice/kubepods-burstable.slice/"
    f"kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-4f.scope\n",
    "version 2, systemd, guaranteed": "0::/kubepods.slice/"
    f"kubepods-pod{UNDERSCORED}.slice/cri-containerd-4f.scope\n",
    "version 2, cgroupfs": f"0::/kubepods/besteffort/pod{UID}/4f\n",
    "version 2, from another cgroup namespace": f"0::/../../pod{UID}/4f\n",
    "version 2, systemd, from another cgroup namespace": "0::/../../"
    f"kubelet-kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-4f.scope\n",
    "version 2, in a node of kind": "0::/kubelet.slice/kubelet-kubepods.slice/"
    f"kubelet-kubepods-pod{UNDERSCORED}.slice/cri-containerd-4f.scope\n",
    "version 1, cgroupfs": "12:pids:/\n"
    f"5:memory:/docker/9e/kubelet/kubepods/burstable/pod{UID}/4f\n1:name=systemd:/\n",
    "version 1, systemd": "9:cpu,cpuacct:/system.slice\n3:memory:/kubepods.slice/"
    f"kubepods-besteffort.slice/kubepods-besteffort-pod{UNDERSCORED}.slice/crio-4f.scope\n",
    "a static pod": "0::/kubepods/burstable/pod41a9f8b2c3/4f\n",
}


@pytest.mark.parametrize("name", CGROUPS)
def test_the_pod_of_a_process(name: str) -> None:
    uid = "41a9f8b2c3" if name == "a static pod" else UID
    assert belongs_to(CGROUPS[name], uid)
    assert not belongs_to(CGROUPS[name], OTHER)


@pytest.mark.parametrize(
    "cgroups",
    [
        "",
        "0::/\n",
        f"0::/kubepods/burstable/{UID}/4f\n",
        f"0::/kubepods/burstable/pod{UID}0/4f\n",
        f"0::/kubepods/burstable/pod{UID}\n",
        f"0::/kubepods/tripod{UID}/4f\n",
        f"0::/user.slice/pod{UID[:8]}/4f\n",
    ],
)
def test_what_only_looks_like_it(cgroups: str) -> None:
    assert not belongs_to(cgroups, UID)
