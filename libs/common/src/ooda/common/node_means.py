"""What can be done on a pod's node: the data of a ``NodeStep``. Pure.

It is in the journal, and fault-agent carries it out; `ooda.injector.node` says how.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyAddress,
    IPvAnyNetwork,
    model_validator,
)

from ooda.common.container_faults import ContainerFault

Port = Annotated[int, Field(ge=1, le=65535)]
DnsName = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$",
    ),
]
"""A name as DNS has it, in small letters and without the dot at its end."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Loss(_Part):
    """Each packet is lost with the same chance, whatever became of the one before."""

    kind: Literal["loss"] = "loss"
    percent: float = Field(ge=5, le=95)


class Delay(_Part):
    """Each packet is held back; their order is kept.

    With jitter the delay wanders between `mean_ms - jitter_ms` and `mean_ms + jitter_ms`.
    """

    kind: Literal["delay"] = "delay"
    mean_ms: float = Field(ge=20, le=10_000)
    jitter_ms: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _never_negative(self) -> Self:
        if self.jitter_ms > self.mean_ms:
            raise ValueError("the jitter is larger than the mean: packets cannot leave early")
        return self


class Partition(_Part):
    """No packet arrives, and nobody is told so."""

    kind: Literal["partition"] = "partition"


class Unanswered(_Part):
    """Connections are accepted, and then nothing comes of them.

    Of the TCP packets that are meant only those of the handshake pass (SYN). For a client that gets
    no answer from one dependency: incoming, with that one's address and port.
    """

    kind: Literal["unanswered"] = "unanswered"


class Rcode(StrEnum):
    """What an answer of a DNS server is made to say."""

    NONE = "none"
    """Nothing: it is lost."""
    NXDOMAIN = "nxdomain"
    """There is no such name."""
    SERVFAIL = "servfail"
    """The server failed."""


class Answers(_Part):
    """Answers of DNS servers over UDP are lost, or say `rcode` and nothing else.

    Meant are those about `name`: the name itself, and what begins with its labels, as a name does
    that a list of domains was searched for. None: those about every name. Answers over TCP and in
    fragments pass.
    """

    kind: Literal["answers"] = "answers"
    rcode: Rcode
    name: DnsName | None = None


Fault = Annotated[Loss | Delay | Partition | Unanswered | Answers, Field(discriminator="kind")]


class Direction(StrEnum):
    """Which way the packets go, as the pod sees it."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    BOTH = "both"


class Traffic(_Part):
    """Which packets are meant; what is not said does not narrow it.

    `peers` are the addresses that the pod itself sees: for what a client sends to a Service that is
    the Service's cluster address, for what a server receives the clients' pod addresses.
    Ports are of TCP and UDP; with ports, no other protocol is meant.
    """

    direction: Direction
    peers: tuple[IPvAnyNetwork, ...] = Field(default=(), max_length=64)
    peer_ports: tuple[Port, ...] = Field(default=(), max_length=64)
    own_ports: tuple[Port, ...] = Field(default=(), max_length=64)


class Endpoint(_Part):
    """Where a connection over TCP is opened to, as the pod sees it."""

    address: IPvAnyAddress
    port: Port

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


Endpoints = Annotated[tuple[Endpoint, ...], Field(max_length=4)]
"""Of several, one that answers is enough."""


class PacketFault(_Part):
    """Packets of the pod are lost, late, cut off, or changed.

    The kubelet's probes are spared unless `spare_node` is false: whatever goes to or comes from the
    pod's own gateways, and the further addresses of the node in `node_addresses`. `asks` are those
    of its peers to whom connections are opened to see whether it bites.
    """

    kind: Literal["packets"] = "packets"
    fault: Fault
    traffic: Traffic
    spare_node: bool = True
    node_addresses: tuple[IPvAnyNetwork, ...] = Field(default=(), max_length=16)
    asks: Endpoints = ()

    @model_validator(mode="after")
    def _answers_come_in(self) -> Self:
        if isinstance(self.fault, Answers) and self.traffic.direction is not Direction.INCOMING:
            raise ValueError("answers to the pod are changed on their way in, and only there")
        return self


ASKED_EVERY_SECONDS: Final = 0.1
"""Between two questions of one kind. Of 200 in 20 s, the least loss (5 %) spares all once in
30,000 times."""
AGAIN_SECONDS: Final = 20.0
"""How long after its end it is asked on until somebody answers: others have to take back first."""


class Contact(_Part):
    """Nothing is changed: it is asked whether connections that the pod opens are answered.

    For what is broken elsewhere and can only be seen from this pod.
    """

    kind: Literal["contact"] = "contact"
    asks: Endpoints = Field(min_length=1)


class Proof(StrEnum):
    """By what a fault is seen to bite from within a pod's network."""

    LOOKUPS = "lookups"
    """A name that is looked up from within the pod's network was not answered in time, or not as it
    is."""
    CONNECTIONS = "connections"
    """A connection to a peer of the fault that was opened there was not answered in time."""
    PACKETS = "packets"
    """A packet of whom it is meant for was lost, held back or changed."""

    @property
    def asks(self) -> bool:
        """Whether a question has to be answered again when the fault is over."""
        return self is not Proof.PACKETS


Means = Annotated[PacketFault | Contact | ContainerFault, Field(discriminator="kind")]
