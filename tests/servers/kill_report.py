"""What became of all kills, as a page of Markdown. Pure."""

import datetime as dt
from collections.abc import Sequence

from servers.kill_matrix import Row

_HEAD = """\
| scenario | mechanism | killed | writes | kills | orphans | seconds |
|---|---|---|---|---|---|---|"""


def line(row: Row) -> str:
    """Return the row of the table."""
    cells = (
        f"`{row.scenario}`",
        row.mechanism,
        row.victim,
        str(row.writes),
        str(row.kills),
        str(len(row.orphans)),
        f"{row.seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def page(rows: Sequence[Row], command: str, day: dt.date, seconds: float) -> str:
    """Return the page."""
    scenarios = len({each.scenario for each in rows})
    kills, orphans = sum(each.kills for each in rows), sum(len(each.orphans) for each in rows)
    left = [f"- `{row.scenario}`, {said}" for row in rows for said in row.orphans]
    made = f"Made by `{command}` on {day.isoformat()}, in {seconds / 60:.0f} minutes"
    parts = (
        "# Killed at every write, with every scenario",
        f"{made}: {scenarios} scenarios, {kills} kills, {orphans} orphans.",
        _ABOUT,
        "\n".join([_HEAD, *map(line, rows)]),
        "## What was left over",
        "\n".join(left) or "Nothing.",
    )
    return "\n\n".join(parts) + "\n"


_ABOUT = """\
At each write of a run, in a run of its own each time, one of those who make it is killed:

- **injector**, before and after its writes; then the reaper ends the run when its time is over;
- **fault-agent**, a process of its own, by SIGKILL, before and after its writes; another one is
  started at once;
- **its processes**, which make faults in pods' networks, by SIGKILL, after fault-agent's writes.

An *orphan* is what is not as it was before when the run is over: an object of the namespace, what a
pod may use, a Lease, a sealed password or one of the database, a packet queue in a pod's network, a
packet that does not pass, a clock, a file, a container that is killed; or a run that does not end.

API server, controllers, kernel and the processes of containers are real; the target's pods are on
paper, and so are kubelet, names and the database of `credential-rotation`. The injector is killed
within a process that goes on: it can do nothing any more, as whatever it asks fails. Writes are
counted as they come: a proof is written before a step or after it, or not at all. Several targets
were tried at a time; the seconds are mostly those in which faults last."""
