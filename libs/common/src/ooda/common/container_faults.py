"""What can be done to a container from its node, beside its network: words of the journal. Pure."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _inside(path: PurePosixPath) -> PurePosixPath:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{path} is no plain absolute path")
    return path


InsidePath = Annotated[PurePosixPath, AfterValidator(_inside)]
"""An absolute path as the container sees it."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


LARGEST_LEAK_MIB = 4096
"""In each life of a container."""


class ClockSkew(_Part):
    """The wall clock of the container's processes is off, forward where `offset_seconds` > 0.

    They have to preload a library that maps `file`: two native 64-bit integers, the offset and the
    end by CLOCK_MONOTONIC, in nanoseconds. All other clocks stay right.
    """

    kind: Literal["clock_skew"] = "clock_skew"
    container: str
    file: InsidePath
    offset_seconds: float = Field(ge=-31_536_000, le=31_536_000)


class CrashLoop(_Part):
    """The container's main process is killed, and so is each that follows, `kills` at most.

    How long the next one takes to come is the kubelet's back-off.
    """

    kind: Literal["crash_loop"] = "crash_loop"
    container: str
    kills: int = Field(ge=1, le=100)


class Fill(_Part):
    """The file system under `directory` is full, but for `free_percent` of it.

    What fills it is seen there as the file `name`, and is gone when somebody removes that.
    """

    kind: Literal["fill"] = "fill"
    container: str
    directory: InsidePath
    name: FileName
    free_percent: float = Field(ge=1, le=50)


class Leak(_Part):
    """Memory is taken in the container's name, and not given back: `mib` in each of its lives.

    It grows by `mib_per_second`. Whoever of the container is killed for it is the kernel's choice.
    """

    kind: Literal["leak"] = "leak"
    container: str
    mib: int = Field(ge=1, le=LARGEST_LEAK_MIB)
    mib_per_second: int = Field(ge=1, le=256)


ContainerFault = Annotated[ClockSkew | CrashLoop | Fill | Leak, Field(discriminator="kind")]
