"""What there is on the bus, and who may do what: accounts, streams, consumers, buckets, users.

Pure data, the single declaration: the bootstrap Job creates it, the server's configuration with
the permissions is rendered from it, services bind to it, the documents are generated from it.
The permissions are the least that were found to work on nats-server 2.15.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    ActionRecorded,
    ActionStarted,
    AnomalyCleared,
    AnomalyFlagged,
    DeadLetter,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    FaultArmed,
    FaultCleared,
    FaultEffective,
    FaultRefused,
    FaultRequested,
    FaultTeardownFailed,
    IncidentClosed,
    ReviewAnswered,
    ReviewRequested,
    ReviewSettled,
    TelemetrySnapshot,
)

MIB = 1024 * 1024


class Account(StrEnum):
    """Streams and subjects of one account do not exist for users of another."""

    LOOP = "LOOP"
    FAULTS = "FAULTS"
    PEOPLE = "PEOPLE"


class Service(StrEnum):
    """What connects to the bus."""

    OBSERVER = "observer"
    ORIENTER = "orienter"
    DECIDER = "decider"
    ACTOR = "actor"
    RECORDER = "recorder"
    INJECTOR = "injector"
    CLI = "cli"
    BOOTSTRAP = "bootstrap"


LOOP_SERVICES = (
    Service.OBSERVER,
    Service.ORIENTER,
    Service.DECIDER,
    Service.ACTOR,
    Service.RECORDER,
)
"""The services that turn the loop, in its order."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream. Ages in seconds, sizes in bytes; None is unlimited."""

    name: str
    account: Account
    subjects: tuple[str, ...]
    max_age: float | None
    max_bytes: int


TELEMETRY = Stream("TELEMETRY", Account.LOOP, ("telemetry.>",), 3600.0, 64 * MIB)
LOOP = Stream(
    "LOOP",
    Account.LOOP,
    (
        "anomaly.>",
        "diagnosis.>",
        "decision.>",
        "review.requested",
        "review.settled",
        "action.>",
        "incident.>",
        "dead.letter",
    ),
    None,
    384 * MIB,
)
FAULTS = Stream("FAULTS", Account.FAULTS, ("fault.>", "dead.letter"), None, 64 * MIB)
PEOPLE = Stream("PEOPLE", Account.PEOPLE, ("review.answered.*", "dead.letter"), None, 16 * MIB)
STREAMS = (TELEMETRY, LOOP, FAULTS, PEOPLE)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable pull consumer of one service on one stream; its name is the service's."""

    service: Service
    stream: Stream
    events: tuple[type[Event], ...]
    """What it is given; empty: all that the stream has."""
    ack_wait: float = 6.0
    """Seconds after which an event that was not acknowledged is delivered again: what a killed
    service had in hand waits that long. A handler that works longer says so in time."""
    max_ack_pending: int = 100
    only_new: bool = False
    """Begin with what is published after the consumer was made."""

    @property
    def durable(self) -> str:
        """Return the consumer's name."""
        return str(self.service)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Return the subjects that the server filters by."""
        return tuple(event.subject for event in self.events) or self.stream.subjects


OBSERVER = Consumer(Service.OBSERVER, LOOP, (ActionStarted, ActionExecuted))
ORIENTER = Consumer(
    Service.ORIENTER, LOOP, (AnomalyFlagged, AnomalyCleared, ActionExecuted, IncidentClosed)
)
ORIENTER_TELEMETRY = Consumer(Service.ORIENTER, TELEMETRY, (TelemetrySnapshot,), only_new=True)
DECIDER = Consumer(
    Service.DECIDER,
    LOOP,
    (
        AnomalyFlagged,
        AnomalyCleared,
        DiagnosisStarted,
        DiagnosisReady,
        ActionApplied,
        ActionExecuted,
    ),
)
DECIDER_PEOPLE = Consumer(Service.DECIDER, PEOPLE, (ReviewAnswered,))
ACTOR = Consumer(
    Service.ACTOR, LOOP, (AnomalyFlagged, AnomalyCleared, DecisionMade, ActionRecorded)
)
ACTOR_TELEMETRY = Consumer(Service.ACTOR, TELEMETRY, (TelemetrySnapshot,), only_new=True)
RECORDER = Consumer(Service.RECORDER, LOOP, (), max_ack_pending=1000)
RECORDER_TELEMETRY = Consumer(Service.RECORDER, TELEMETRY, (), max_ack_pending=1000)
RECORDER_FAULTS = Consumer(Service.RECORDER, FAULTS, (), max_ack_pending=1000)
RECORDER_PEOPLE = Consumer(Service.RECORDER, PEOPLE, (), max_ack_pending=1000)
INJECTOR = Consumer(Service.INJECTOR, FAULTS, (FaultRequested,))
CONSUMERS = (
    OBSERVER,
    ORIENTER,
    ORIENTER_TELEMETRY,
    DECIDER,
    DECIDER_PEOPLE,
    ACTOR,
    ACTOR_TELEMETRY,
    RECORDER,
    RECORDER_TELEMETRY,
    RECORDER_FAULTS,
    RECORDER_PEOPLE,
    INJECTOR,
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A key-value bucket of account LOOP with the one service that may write it."""

    name: str
    owner: Service
    readers: tuple[Service, ...] = ()
    max_bytes: int = 64 * MIB
    """When it is full writing fails; nothing that was written is thrown away."""


BASELINES = Bucket("baselines", Service.OBSERVER)
INCIDENTS = Bucket("incidents", Service.ORIENTER, (Service.CLI,))
DECISIONS = Bucket("decisions", Service.DECIDER, (Service.CLI,))
ACTIONS = Bucket("actions", Service.ACTOR, (Service.CLI,))
BUCKETS = (BASELINES, INCIDENTS, DECISIONS, ACTIONS)

PUBLISHES: dict[Service, tuple[type[Event], ...]] = {
    Service.OBSERVER: (TelemetrySnapshot, AnomalyFlagged, AnomalyCleared),
    Service.ORIENTER: (DiagnosisStarted, DiagnosisReady),
    Service.DECIDER: (DecisionMade, ReviewRequested, ReviewSettled, IncidentClosed),
    Service.ACTOR: (ActionStarted, ActionApplied, ActionExecuted),
    Service.RECORDER: (ActionRecorded,),
}
"""What each service says in account LOOP; every service may also publish ``dead.letter``."""

TOLD_OF_FAULTS: tuple[type[Event], ...] = (
    FaultRefused,
    FaultArmed,
    FaultEffective,
    FaultCleared,
    FaultTeardownFailed,
)
"""What the injector says, in account FAULTS; ``fault.requested`` is the command line's."""

STATUS_SUBJECT = "status.{service}"
"""Core NATS, request and reply: what a service says of itself (``ooda status``)."""

REPLAY_SUBJECT = "replay.{service}"
"""The same: a service is asked to handle an event of its own again, by its place in a stream."""


POLICY_SUBJECT = "policy.decider"
"""The same: the decider checks a playbook, or explains what it would do (``ooda policy``)."""

SCENARIOS_SUBJECT = "scenarios.injector"
"""The same: the injector tells its scenarios, or tries a request without writing anything. No
service of the loop may ask or hear it."""


@dataclass(frozen=True, slots=True)
class User:
    """One user of one account, with the exact subjects it may publish and subscribe to."""

    name: str
    account: Account
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    everything: bool = field(default=False)
    """For the bootstrap Job alone."""


def user_name(service: Service, account: Account) -> str:
    """Return the user of a service in an account; a user is in one account only."""
    return str(service) if account is Account.LOOP else f"{service}-{account.lower()}"


def inbox_prefix(user: str) -> str:
    """Return where answers to a user's requests go; nobody else may listen there."""
    return f"_INBOX_{user}"


def users(people: tuple[str, ...] = ()) -> tuple[User, ...]:
    """Return every user there is, with those for the given people."""
    connections = (
        (Service.OBSERVER, Account.LOOP),
        (Service.ORIENTER, Account.LOOP),
        (Service.DECIDER, Account.LOOP),
        (Service.DECIDER, Account.PEOPLE),
        (Service.ACTOR, Account.LOOP),
        (Service.RECORDER, Account.LOOP),
        (Service.RECORDER, Account.FAULTS),
        (Service.RECORDER, Account.PEOPLE),
        (Service.INJECTOR, Account.LOOP),
        (Service.INJECTOR, Account.FAULTS),
        (Service.CLI, Account.LOOP),
        (Service.CLI, Account.FAULTS),
        (Service.CLI, Account.PEOPLE),
    )
    bootstraps = tuple(
        User(user_name(Service.BOOTSTRAP, account), account, everything=True) for account in Account
    )
    services = tuple(_user(service, account) for service, account in connections)
    return bootstraps + services + tuple(_person(name) for name in people)


def _user(service: Service, account: Account) -> User:
    name = user_name(service, account)
    publish: list[str] = []
    subscribe = [f"{inbox_prefix(name)}.>"]
    for consumer in CONSUMERS:
        if consumer.service is service and consumer.stream.account is account:
            stream, durable = consumer.stream.name, consumer.durable
            publish += [
                f"$JS.API.CONSUMER.INFO.{stream}.{durable}",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
                f"$JS.ACK.{stream}.{durable}.>",
                # By sequence, to handle a dead letter again; by subject it would need ``.>``.
                f"$JS.API.DIRECT.GET.{stream}",
            ]
    if account is Account.LOOP:
        publish += [event.subject for event in PUBLISHES.get(service, ())]
        publish += _bucket_subjects(service)
    if service is Service.INJECTOR and account is Account.LOOP:
        # What an agent said of a run; by a consumer it could be given events, and have them sent.
        publish.append(f"$JS.API.DIRECT.GET.{LOOP.name}")
    if service is Service.INJECTOR and account is Account.FAULTS:
        publish += [event.subject for event in TOLD_OF_FAULTS]
    if service is Service.CLI:
        publish += _reading(account) + _asked_by_people(account)
        subscribe += [subject for stream in STREAMS if stream.account is account
                      for subject in stream.subjects]  # fmt: skip
    else:
        if account is Account.LOOP:
            subscribe += _answered(service)
            publish.append(f"_INBOX_{Service.CLI}.>")
        if service is not Service.INJECTOR or account is Account.FAULTS:
            publish.append(DeadLetter.subject)
    return User(name, account, tuple(publish), tuple(subscribe))


def _answered(service: Service) -> list[str]:
    """Return what people may ask a service."""
    own = {Service.DECIDER: [POLICY_SUBJECT], Service.INJECTOR: [SCENARIOS_SUBJECT]}
    both = [each.format(service=service) for each in (STATUS_SUBJECT, REPLAY_SUBJECT)]
    return both + own.get(service, [])


def _asked_by_people(account: Account) -> list[str]:
    """Return what the command line says: questions to services, and requests for faults."""
    match account:
        case Account.LOOP:
            all_of_them = [each.format(service="*") for each in (STATUS_SUBJECT, REPLAY_SUBJECT)]
            return [*all_of_them, POLICY_SUBJECT, SCENARIOS_SUBJECT]
        case Account.FAULTS:
            return [FaultRequested.subject]
        case Account.PEOPLE:
            return []


def _reading(account: Account) -> list[str]:
    """Look at streams and read single messages back: the command line, which writes nothing."""
    names = [stream.name for stream in STREAMS if stream.account is account]
    return ["$JS.API.INFO"] + [
        subject
        for name in names
        for subject in (
            f"$JS.API.STREAM.INFO.{name}",
            f"$JS.API.DIRECT.GET.{name}",
            f"$JS.API.DIRECT.GET.{name}.>",
            f"$JS.API.CONSUMER.INFO.{name}.*",
        )
    ]


def _bucket_subjects(service: Service) -> list[str]:
    subjects = []
    for bucket in BUCKETS:
        if service is bucket.owner or service in bucket.readers:
            subjects += [
                f"$JS.API.STREAM.INFO.KV_{bucket.name}",
                f"$JS.API.DIRECT.GET.KV_{bucket.name}.$KV.{bucket.name}.>",
            ]
        if service is bucket.owner:
            subjects.append(f"$KV.{bucket.name}.>")
    return subjects


def _person(name: str) -> User:
    return User(
        name,
        Account.PEOPLE,
        publish=(f"review.answered.{name}",),
        subscribe=(f"{inbox_prefix(name)}.>",),
    )
