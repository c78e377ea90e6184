"""What can be done to a pod's network, and what is said afterwards: the words of the journal.

An order names the sandbox, the fault, the packets that are meant, and the moment at which it ends.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, IPvAnyAddress

from ooda.common.node_means import Contact, PacketFault, Proof

LONGEST: Final = timedelta(minutes=15)
"""No order may reach further; a longer run is given in several."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SandboxProcess(_Part):
    """The pod's sandbox by its first process (the pause container), as the node numbers it."""

    kind: Literal["process"] = "process"
    pid: int = Field(gt=1)

    @property
    def namespace(self) -> Path:
        """Where the kernel shows its network namespace."""
        return Path(f"/proc/{self.pid}/ns/net")


class SandboxNamespace(_Part):
    """The pod's sandbox by its network namespace, as the container runtime mounted it."""

    kind: Literal["namespace"] = "namespace"
    path: Path

    @property
    def namespace(self) -> Path:
        """The same path."""
        return self.path


Sandbox = Annotated[SandboxProcess | SandboxNamespace, Field(discriminator="kind")]


class Lookup(_Part):
    """A name that is looked up over UDP at a server, both as the pod would have it.

    Where it cannot be known which of several names there is, the others are in `or_else`: the one
    that is answered first is taken.
    """

    server: IPvAnyAddress
    name: str = Field(max_length=253)
    or_else: tuple[Annotated[str, Field(max_length=253)], ...] = Field(default=(), max_length=7)


class Order(PacketFault):
    """One fault in one sandbox until `until`.

    With `lookup`, a fault that would hit it is proven by it, if it is answered before.
    """

    order_id: str = Field(min_length=1, max_length=128)
    sandbox: Sandbox
    until: AwareDatetime
    lookup: Lookup | None = None


class ContactOrder(Contact):
    """Ask from within one sandbox until `until`, and then until one is answered again.

    `answered`: one was before, of an order that is given again; else nothing is done unless one is.
    """

    order_id: str = Field(min_length=1, max_length=128)
    sandbox: Sandbox
    until: AwareDatetime
    answered: bool


class End(StrEnum):
    """Why a fault ended."""

    EXPIRED = "expired"
    STOPPED = "stopped"
    SANDBOX_GONE = "sandbox_gone"
    REPAIRED = "repaired"
    """Somebody else took it back."""


class Counters(_Part):
    """What became of the packets that were meant.

    `unheard`: packets that passed untouched since they came faster than they could be judged.
    `lapses`: how often the fault paused since its process was kept from running for longer than the
    kernel waits. Both are zero in a run that can be relied on.
    """

    seen: int = Field(ge=0)
    passed: int = Field(ge=0)
    dropped: int = Field(ge=0)
    changed: int = Field(ge=0)
    delayed: int = Field(ge=0)
    unheard: int = Field(ge=0)
    lapses: int = Field(ge=0)
    most_held: int = Field(ge=0)
    delay_ms_total: float = Field(ge=0)
    delay_ms_least: float | None = None
    delay_ms_most: float | None = None

    @property
    def loss_percent(self) -> float | None:
        """The share that was lost, of those seen."""
        return None if self.seen == 0 else 100 * self.dropped / self.seen

    @property
    def delay_ms_mean(self) -> float | None:
        """How long a packet was held back on average, in milliseconds."""
        return None if self.delayed == 0 else self.delay_ms_total / self.delayed


NOTHING_COUNTED: Final = Counters(
    seen=0,
    passed=0,
    dropped=0,
    changed=0,
    delayed=0,
    unheard=0,
    lapses=0,
    most_held=0,
    delay_ms_total=0,
)


class Armed(_Part):
    """The order is in force, made by process `worker`; it ends at `until` with nobody running."""

    kind: Literal["armed"] = "armed"
    order_id: str
    worker: int
    at: AwareDatetime
    until: AwareDatetime


class Bites(_Part):
    """The fault was first seen to bite, `at` that time and by `proof`; said once, if at all."""

    kind: Literal["bites"] = "bites"
    at: AwareDatetime
    proof: Proof


class Result(_Part):
    """The order has ended and its rule is gone, if it had one.

    `well_at`: when what was asked as `proof` was answered again after that.
    """

    kind: Literal["result"] = "result"
    order_id: str
    end: End
    armed_at: AwareDatetime
    ended_at: AwareDatetime
    counters: Counters = NOTHING_COUNTED
    proof: Proof
    well_at: AwareDatetime | None = None


class Refusal(StrEnum):
    """Why nothing was done."""

    EXPIRED = "expired"
    TOO_LONG = "too_long"
    SANDBOX_GONE = "sandbox_gone"
    UNANSWERED = "unanswered"
    """Nobody answers who was to be asked, though nothing is broken yet."""
    FORBIDDEN = "forbidden"
    """The pod is not in a namespace that may be broken, or it cannot be told where it is."""
    HOST_NETWORK = "host_network"
    BUSY = "busy"
    KERNEL = "kernel"
    NO_PROCESS = "no_process"
    """The container has no main process now, or none that can be told."""
    NO_CLOCK_FILE = "no_clock_file"
    NO_DIRECTORY = "no_directory"
    HOST_DISK = "host_disk"
    NO_ROOM = "no_room"
    """The file system is too large, too small or too full to be filled."""
    NO_MEMORY = "no_memory"
    """The container has no memory limit, or the node has too little left."""


class Refused(_Part):
    """Nothing was done, for the reason given."""

    kind: Literal["refused"] = "refused"
    code: Refusal
    sentence: str


Report = Annotated[Armed | Bites | Result | Refused, Field(discriminator="kind")]
