import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ooda.testbed.errors import Refused
from ooda.testbed.images.debian import copy_without, package_sources, require_debian_tools

DEB822 = """Types: deb
URIs: http://mirror.example/debian
Suites: trixie trixie-updates trixie-security
Components: main
"""


def test_the_sources_of_this_host_are_turned_to_the_suite_of_the_recipes(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text("# moved\n")
    found = package_sources(tmp_path, "trixie")
    assert "Suites: bookworm bookworm-updates bookworm-security\n" in found
    assert "URIs: http://mirror.example/debian\n" in found


def test_the_older_file_is_read_where_there_is_no_newer_one(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://mirror.example/debian bookworm main\n")
    assert package_sources(tmp_path, "bookworm") == (
        "deb http://mirror.example/debian bookworm main\n"
    )


def test_a_host_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=str(tmp_path)):
        package_sources(tmp_path, "bookworm")


def test_a_missing_mmdebstrap_is_refused_with_two_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=r"apt-get install mmdebstrap.*OODA_REGISTRY=host:port"):
        require_debian_tools()


TREE = {
    ".": tarfile.DIRTYPE,
    "usr/share/doc": tarfile.DIRTYPE,
    "usr/share/doc/bash": tarfile.DIRTYPE,
    "usr/share/doc/bash/README": tarfile.REGTYPE,
    "usr/share/documents": tarfile.REGTYPE,
    "usr/lib/libLLVM-14.so": tarfile.REGTYPE,
    "usr/lib/libc.so": tarfile.REGTYPE,
    "usr/lib/current": tarfile.SYMTYPE,
    "usr/bin/perl": tarfile.REGTYPE,
    "usr/bin/other-name": tarfile.LNKTYPE,
}
LINKS = {"usr/lib/current": "libLLVM-14.so", "usr/bin/other-name": "usr/bin/perl"}

Copied = Callable[..., tarfile.TarFile]


@pytest.fixture(params=["", "./"], ids=["plain names", "names with ./"])
def copied(tmp_path: Path, request: pytest.FixtureRequest) -> Copied:
    """Copy TREE, whose files hold their own names, without some paths."""

    def copy(*unwanted: str) -> tarfile.TarFile:
        with tarfile.open(tmp_path / "whole.tar", "w") as whole:
            for name, kind in TREE.items():
                member = tarfile.TarInfo(f"{request.param}{name}")
                member.type, member.mode, member.uid = kind, 0o755, 7
                if kind == tarfile.LNKTYPE:
                    member.linkname = f"{request.param}{LINKS[name]}"
                elif kind == tarfile.SYMTYPE:
                    member.linkname = LINKS[name]
                content = name.encode() if kind == tarfile.REGTYPE else b""
                member.size = len(content)
                whole.addfile(member, io.BytesIO(content))
        copy_without(tmp_path / "whole.tar", tmp_path / "kept.tar", unwanted)
        return tarfile.open(tmp_path / "kept.tar")

    return copy


@pytest.mark.parametrize(
    ("unwanted", "gone"),
    [
        pytest.param((), set(), id="nothing unwanted"),
        pytest.param(
            ("usr/share/doc",),
            {"usr/share/doc", "usr/share/doc/bash", "usr/share/doc/bash/README"},
            id="a folder and what is under it, not what begins alike",
        ),
        pytest.param(("usr/lib/libLLVM*",), {"usr/lib/libLLVM-14.so"}, id="pattern"),
        pytest.param(("*/absent", "lib"), set(), id="no such path"),
        pytest.param(("usr/lib/current",), {"usr/lib/current"}, id="a symbolic link alone"),
        pytest.param(
            ("usr/share/*", "usr/bin/*"),
            {name for name in TREE if name.startswith(("usr/share/", "usr/bin/"))},
            id="several",
        ),
    ],
)
def test_copy_without(copied: Copied, unwanted: tuple[str, ...], gone: set[str]) -> None:
    with copied(*unwanted) as kept:
        names = {name.removeprefix("./") for name in kept.getnames()}
        assert names == set(TREE) - gone
        for member in kept:
            if member.isreg():
                content = kept.extractfile(member)
                assert content is not None
                assert content.read().decode() == member.name.removeprefix("./")
            assert (member.mode, member.uid) == (0o755, 7)


def test_a_hard_link_outlives_the_file_it_was_a_name_of(copied: Copied) -> None:
    with copied("usr/bin/perl") as kept:
        (other,) = (name for name in kept.getnames() if name.endswith("other-name"))
        content = kept.extractfile(other)
        assert content is not None
        assert content.read() == b"usr/bin/perl"
