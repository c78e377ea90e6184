import pytest

from fakes.programs import Programs
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.golang import require_go


@pytest.mark.parametrize("version", ["go1.21", "go1.21.13", "go1.26.8", "go2.0", "go1.100"])
def test_a_toolchain_that_can_fetch_newer_ones_will_do(programs: Programs, version: str) -> None:
    programs.put("go", f'[ "$*" = "env GOVERSION" ] && echo {version}')
    require_go()


@pytest.mark.parametrize("version", ["go1.20.14", "go1.9", "go0.99", "gccgo 13"])
def test_an_older_one_is_refused_by_its_version(programs: Programs, version: str) -> None:
    programs.put("go", f"echo {version}")
    with pytest.raises(Refused, match=rf"needs Go 1\.21 or newer; .* is {version}\."):
        require_go()


def test_the_toolchain_itself_is_asked_not_one_that_it_would_fetch(programs: Programs) -> None:
    programs.put("go", '[ "$GOTOOLCHAIN" = local ] && echo go1.20 || echo go1.26')
    with pytest.raises(Refused, match=r"is go1\.20"):
        require_go()


@pytest.mark.usefixtures("programs")
def test_no_toolchain_is_refused_with_two_ways_out() -> None:
    with pytest.raises(Refused, match=r"install Go, or name a registry.*OODA_REGISTRY=host:port"):
        require_go()


def test_a_broken_toolchain_tells_what_it_said(programs: Programs) -> None:
    programs.put("go", "echo cannot find GOROOT >&2; exit 2")
    with pytest.raises(CommandFailed, match="cannot find GOROOT"):
        require_go()
