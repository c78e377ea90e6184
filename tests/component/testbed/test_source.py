from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.programs import Programs
from ooda.testbed import source
from ooda.testbed.docker import KEY_LABEL
from ooda.testbed.errors import Refused
from ooda.testbed.pins import Pins, read_pins
from ooda.testbed.source import Source, choose, reach_registry

REPOSITORY = Path(__file__).parents[3]
NOT_FOUND = "no such manifest: registry.k8s.io/pause"


@pytest.fixture(scope="module")
def pins() -> Pins:
    return read_pins(REPOSITORY / "testbed/images")


@dataclass(frozen=True)
class Engine:
    """What a Docker engine has, as far as it is asked here."""

    pulled: set[str] = field(default_factory=set)
    built: set[str] = field(default_factory=set)
    registry: str = f"echo {NOT_FOUND} >&2; exit 1"

    def script(self) -> str:
        """A `docker` that answers so."""
        keyed = "|".join(f"*{KEY_LABEL}*' {name}'" for name in self.built) or "'none'"
        pulled = "|".join(f"*{KEY_LABEL}*' {name}'" for name in self.pulled) or "'none'"
        known = "|".join(f"*' {name}'" for name in self.built | self.pulled) or "'none'"
        return (
            'case "$*" in\n'
            f"'manifest inspect '*) {self.registry};;\n"
            f"{keyed}) echo 0123456789abcdef;;\n"
            f"{pulled}) echo;;\n"
            f"{known}) echo sha256:1;;\n"
            "*) echo No such image >&2; exit 1;;\n"
            "esac"
        )


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OODA_IMAGES", raising=False)
    monkeypatch.delenv("OODA_REGISTRY", raising=False)


def test_the_registry_is_chosen_where_it_answers(programs: Programs, pins: Pins) -> None:
    programs.put("docker", Engine(registry="exit 0").script())
    chosen, why = choose(pins)
    assert chosen is Source.REGISTRY
    assert why == "the registry of kindest/node:v1.36.3 answers"


def test_the_own_build_is_chosen_where_none_answers(programs: Programs, pins: Pins) -> None:
    programs.put("docker", Engine().script())
    chosen, why = choose(pins)
    assert chosen is Source.BUILD
    assert why == f"no registry can be reached ({NOT_FOUND})"


def test_a_registry_that_is_too_slow_is_none(
    programs: Programs, pins: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_PROBE_DEADLINE", 0.3)
    programs.put("docker", Engine(registry="exec /bin/sleep 60").script())
    assert choose(pins) == (Source.BUILD, "no registry can be reached (no answer in time)")


def test_what_was_built_here_is_gone_on_with(programs: Programs, pins: Pins) -> None:
    programs.put("docker", Engine(built={pins.node}, registry="exit 0").script())
    assert choose(pins) == (Source.BUILD, "the node image here was built here")


def test_what_was_pulled_before_needs_no_registry(programs: Programs, pins: Pins) -> None:
    programs.put("docker", Engine(pulled=set(pins.needed)).script())
    assert choose(pins) == (Source.REGISTRY, "all pinned images were pulled before")


def test_some_of_the_images_are_not_enough(programs: Programs, pins: Pins) -> None:
    programs.put("docker", Engine(pulled=set(pins.needed) - {pins.needed[-1]}).script())
    assert choose(pins)[0] is Source.BUILD


@pytest.mark.parametrize("forced", list(Source))
def test_a_forced_source_needs_no_docker(
    programs: Programs, pins: Pins, monkeypatch: pytest.MonkeyPatch, forced: Source
) -> None:
    programs.put("docker", "echo asked > /dev/full")
    monkeypatch.setenv("OODA_IMAGES", forced.value)
    monkeypatch.setenv("OODA_REGISTRY", "localhost:5000")
    assert choose(pins) == (forced, "OODA_IMAGES says so")


def test_auto_is_the_same_as_nothing(
    programs: Programs, pins: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OODA_IMAGES", "auto")
    programs.put("docker", Engine(registry="exit 0").script())
    assert choose(pins)[0] is Source.REGISTRY


@pytest.mark.parametrize("wrong", ["Registry", "pull", " build"])
def test_a_wrong_wish_is_refused(pins: Pins, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("OODA_IMAGES", wrong)
    with pytest.raises(Refused, match=f"OODA_IMAGES={wrong}: it must be registry, build or auto"):
        choose(pins)


def test_a_mirror_is_taken_without_asking_it(
    programs: Programs, pins: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.put("docker", Engine(built={pins.node}).script())
    monkeypatch.setenv("OODA_REGISTRY", "localhost:5000")
    assert choose(pins) == (Source.REGISTRY, "OODA_REGISTRY names localhost:5000")


def test_the_mirror_is_what_is_asked_for_reach(
    programs: Programs, pins: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.put("docker", 'case "$*" in *" localhost:5000/kindest/node:"*) ;; *) exit 1;; esac')
    monkeypatch.setenv("OODA_REGISTRY", "localhost:5000")
    assert reach_registry(pins) == (
        True,
        "the registry of localhost:5000/kindest/node:v1.36.3 answers",
    )
