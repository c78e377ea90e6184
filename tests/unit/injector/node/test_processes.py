"""What the kernel tells about processes of pods."""

import pytest

from ooda.injector.node.core.processes import in_container, is_being_made, is_first

UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def mounted(folder: str) -> str:
    return (
        "612 590 0:98 / / ro,relatime - overlay overlay rw\n"
        f"640 612 7:1 {folder} /dev/termination-log rw,relatime - ext4 /dev/loop1 rw\n"
        "641 612\n"
    )


@pytest.mark.parametrize(
    ("mounts", "said"),
    [
        pytest.param(mounted(f"/var/lib/kubelet/pods/{UID}/containers/app/6b1"), True, id="it is"),
        pytest.param(mounted(f"/pods/{UID}/containers/app/6b1"), True, id="on a disk of its own"),
        pytest.param(mounted(f"/pods/{UID}/containers/app-2/6b1"), False, id="a longer name"),
        pytest.param(mounted(f"/kubelet/pods/{UID}/volumes/app/6b1"), False, id="a volume"),
        pytest.param(mounted("/kubelet/pods/0/containers/app/6b1"), False, id="another pod"),
        pytest.param("", False, id="a zombie"),
    ],
)
def test_in_container(mounts: str, said: bool) -> None:  # noqa: FBT001 - a column of the table
    assert in_container(mounts, UID, "app") is said


@pytest.mark.parametrize(
    ("status", "first"),
    [
        pytest.param("Name:\tpython3\nNSpid:\t4711\t1\n", True, id="of a container"),
        pytest.param("Name:\tpython3\nNSpid:\t90\t4711\t1\n", True, id="of one in a node of kind"),
        pytest.param("Name:\tsh\nNSpid:\t4712\t17\n", False, id="a child of it"),
        pytest.param("Name:\tsshd\nNSpid:\t4712\n", False, id="of the node"),
        pytest.param("Name:\tsh\n", False, id="a kernel that does not say"),
    ],
)
def test_is_first(status: str, first: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_first(status) is first


def test_what_runc_still_makes_is_no_program_of_the_container() -> None:
    assert is_being_made("Name:\trunc:[2:INIT]\nUmask:\t0022\n")
    assert not is_being_made("Name:\truncible\nUmask:\t0022\n")
