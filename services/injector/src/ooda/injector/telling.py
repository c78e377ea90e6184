"""Scenarios and steps in words. Pure."""

from collections.abc import Sequence

from ooda.common.bus.injecting import ScenarioParameter, ScenarioRow
from ooda.common.container_faults import ClockSkew, CrashLoop, Fill, Leak
from ooda.common.fault_runs import (
    ChangeStep,
    CreateStep,
    DeletePodStep,
    FaultRun,
    LeftOverStep,
    NodeStep,
    RotateStep,
    Step,
)
from ooda.common.node_means import (
    Answers,
    Contact,
    Delay,
    Direction,
    Loss,
    Means,
    PacketFault,
    Partition,
    Rcode,
    Unanswered,
)
from ooda.injector.core.scenario import (
    ChoiceParameter,
    DnsNameParameter,
    IntegerParameter,
    NameParameter,
    Parameter,
    Scenario,
)


def row_of(scenario: Scenario) -> ScenarioRow:
    """Return a scenario as people are told of it."""
    return ScenarioRow(
        id=scenario.id,
        title=scenario.title,
        changes=scenario.changes,
        undo=scenario.undo,
        failure_class=str(scenario.truth.failure_class),
        max_seconds=scenario.max_seconds,
        intensity=scenario.intensity,
        parameters=tuple(
            ScenarioParameter(
                name=name,
                about=each.about,
                bounds=_bounds(each),
                default=None if each.default is None else str(each.default),
            )
            for name, each in scenario.parameters.items()
        ),
    )


def _bounds(parameter: Parameter) -> str:
    match parameter:
        case IntegerParameter():
            return f"{parameter.minimum} to {parameter.maximum} {parameter.unit}".rstrip()
        case NameParameter():
            return "a name"
        case ChoiceParameter(choices=choices):
            return f"one of {', '.join(choices)}"
        case DnsNameParameter():
            return "a name of DNS"


def lines_of(run: FaultRun, undo: str) -> Sequence[str]:
    """Return what a run would do, a sentence for each step, for how long, and how it ends."""
    said = [_sentence(each.step) for each in run.steps]
    ends = f"It ends by itself after {run.duration_seconds:g} s, or with `ooda abort`: {undo}."
    return (*said, ends)


def _sentence(step: Step) -> str:
    match step:
        case ChangeStep(object=where, changes=changes):
            told = ", ".join(f"{each.path} from {each.before} to {each.after}" for each in changes)
            return f"Change {where}: {told}."
        case DeletePodStep(object=where):
            return f"Delete {where}."
        case LeftOverStep(object=where):
            return f"Once it is as before, delete pods made meanwhile for which {where} waits."
        case CreateStep(object=where):
            return f"Create {where}."
        case RotateStep(object=where, address=address, port=port):
            return f"Rotate the password of {where} at {address}:{port}, and end its sessions."
        case NodeStep(object=where, node=node, means=means):
            return f"On node {node}, in {where}: {_on_the_node(means)}."


def _on_the_node(means: Means) -> str:
    match means:
        case PacketFault():
            return _of_packets(means)
        case Contact(asks=asks):
            who = " or ".join(map(str, asks))
            return f"it is looked, and nothing changed, whether a connection to {who} is answered"
        case ClockSkew(container=container, offset_seconds=offset):
            ahead = f"{abs(offset):g} s {'ahead' if offset > 0 else 'behind'}"
            return f"the clock of container {container} is {ahead}"
        case CrashLoop(container=container, kills=kills):
            return f"the main process of container {container} is killed, {kills} times at most"
        case Fill(directory=directory, name=name, free_percent=free):
            return f"{directory / name} fills its file system but for {free:g} %"
        case Leak(container=container, mib=mib, mib_per_second=speed):
            return f"memory of container {container} leaks, {speed} MiB a second up to {mib} MiB"


def _of_packets(means: PacketFault) -> str:
    packets = _packets(means)
    match means.fault:
        case Loss(percent=percent):
            return f"{percent:g} % of {packets} are lost"
        case Delay(mean_ms=mean, jitter_ms=jitter):
            return f"{packets} are {mean:g} ms late, give or take {jitter:g} ms"
        case Partition():
            return f"{packets} are lost"
        case Unanswered():
            return f"connections are accepted, and of {packets} nothing else arrives"
        case Answers(rcode=rcode, name=name):
            about = f"{name}, or a longer name with its labels first," if name else "every name"
            became = "are lost" if rcode is Rcode.NONE else f"say {rcode.upper()} and nothing else"
            return f"of {packets}, answers over UDP about {about} {became}"


def _packets(means: PacketFault) -> str:
    traffic = means.traffic
    said = {
        Direction.INCOMING: "the packets that it receives",
        Direction.OUTGOING: "the packets that it sends",
        Direction.BOTH: "the packets that it sends and receives",
    }[traffic.direction]
    if traffic.peers:
        said += f", with {', '.join(map(str, traffic.peers))} at the other end,"
    if traffic.peer_ports:
        said += f" of port {', '.join(map(str, traffic.peer_ports))} there"
    if traffic.own_ports:
        said += f" of its port {', '.join(map(str, traffic.own_ports))}"
    return said
