"""What logs say of requests that the API server denied to a service account. Pure and total.

A log is what a workload writes, and anybody who can send it a request may write into it. Of a line
only words of a closed form are taken, and they count for nothing unless they name, or can mean, a
right that was really taken away (``is_of``). A 403 that does not say that it is the API server's is
left out: an application denies its own customers, and others deny it.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ooda.common.masking import mask
from ooda.common.permissions import BOUND, Right, Rights, allowed

LINE = 300
_READ = 4000
"""Characters of a line that are looked at."""
_SLACK = dt.timedelta(seconds=2)
"""Clocks of nodes and ours differ by so much."""

_Q = r"\\{0,6}[\"']"
"""A quotation mark, with as many backslashes as formats within formats put before it."""
_NAME = r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?"
_NAMED = re.compile(
    rf"(?:{_Q}(?P<name>{_NAME}){_Q} is forbidden: )?User {_Q}system:serviceaccount:"
    rf"(?P<of>[a-z0-9-]{{1,63}}):(?P<account>{_NAME}){_Q} cannot (?P<verb>[a-z]{{1,30}}) "
    rf"resource {_Q}(?P<resource>[a-z0-9./-]{{1,200}}){_Q} in API group "
    rf"{_Q}(?P<group>[a-z0-9.-]{{0,200}}){_Q}"
    rf"(?: in the namespace {_Q}(?P<where>[a-z0-9-]{{1,63}}){_Q})?"
)
"""The API server's own words (``apiserver/pkg/endpoints/handlers/responsewriters``), as clients
quote them."""
_FORBIDDEN = re.compile(r"(?<![\w./-])403(?![\w/-]|\.\d)|forbidden", re.IGNORECASE)
_ELSE = re.compile(rf"User {_Q}|is forbidden: |admission webhook", re.IGNORECASE)
"""Of a line that does not name the account in the API server's words: it names somebody else, or
admission, which asks what is in an object and not who sends it (quotas, policies)."""
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[a-z0-9.-]{1,200}))/v[0-9][a-z0-9]{0,20}/namespaces/"
    r"(?P<where>[a-z0-9-]{1,63})/(?P<resource>[a-z]{1,100})"
    r"(?:/(?P<name>[a-z0-9][a-z0-9.:-]{0,252}))?"
)
"""Where the API server has what is in a namespace."""
_CLIENT = re.compile(r"kubernetes|kube-?api|api-?server|client-go|fabric8|lightkube", re.IGNORECASE)
"""What a line says that is about a request to the API server, without telling which."""
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d) ?")


@dataclass(frozen=True, slots=True)
class Denial:
    """One request that was denied, as far as a line tells."""

    line: str
    """Masked and cut, for a person."""
    verb: str = ""
    group: str = ""
    resource: str = ""
    """Empty if the line only says that the API server denied something."""
    name: str = ""
    whole_cluster: bool = False
    """Whether it was of all namespaces, or of what is in none: no Role gives that."""

    @property
    def vague(self) -> bool:
        """Return whether it does not say what was denied."""
        return not self.resource

    def is_of(self, lost: Rights, left: Rights) -> bool:
        """Return whether it can be one of the rights that were lost, and none that is left."""
        if self.whole_cluster:
            return False
        if self.vague:
            return bool(lost)
        if self.verb and allowed(Right(self.verb, self.group, self.resource, self.name), left):
            return False
        return any(self._meant(each) for each in lost)

    def is_beyond(self, left: Rights) -> bool:
        """Return whether it tells of something that none of the rights that are left gives."""
        if not self.verb:
            return False  # what was asked is not told
        asked = Right(self.verb, self.group, self.resource, self.name)
        return self.whole_cluster or not allowed(asked, left)

    def _meant(self, right: Right) -> bool:
        if right.verb == BOUND:
            return bool(self.verb)  # what a ClusterRole allows is not known
        whole = Right(self.verb or right.verb, self.group, self.resource, self.name or right.name)
        return right.covers(whole)


def denials(
    texts: Sequence[str], account: str, namespace: str, since: dt.datetime | None = None
) -> tuple[Denial, ...]:
    """Return what logs say was denied to an account in its namespace or everywhere, from a time on.

    Lines are as the kubelet stamps them; one without a stamp belongs to the one before. A vague
    denial says nothing where other lines of the same log tell what was denied, nor where it had one
    before that time: it is not new.
    """
    found: list[Denial] = []
    for text in texts:
        before, after = _parted(text, since)
        said = list(_denials(after, account, namespace))
        old = any(each.vague for each in _denials(before, account, namespace))
        told = any(_NAMED.search(line[:_READ]) for line in after)
        found += [each for each in said if not (each.vague and (old or told))]
    return tuple(dict.fromkeys(found))


def _denials(lines: Iterable[str], account: str, namespace: str) -> Iterator[Denial]:
    for line in lines:
        said = line[:_READ]
        if not _FORBIDDEN.search(said):
            continue
        shown = mask(said)[:LINE].strip()
        named, path = _NAMED.search(said), _PATH.search(said)
        if named is not None:
            mine = (named["of"], named["account"]) == (namespace, account)
            if mine and named["where"] in (namespace, None):
                yield Denial(
                    shown,
                    named["verb"],
                    named["group"],
                    named["resource"],
                    named["name"] or "",
                    whole_cluster=named["where"] is None,
                )
        elif _ELSE.search(said):
            continue
        elif path is not None:
            if path["where"] == namespace:
                yield Denial(shown, "", path["group"] or "", path["resource"], path["name"] or "")
        elif _CLIENT.search(said):
            yield Denial(shown)


def _parted(text: str, since: dt.datetime | None) -> tuple[list[str], list[str]]:
    """Return the lines from before a time and those after, both without their stamps."""
    before: list[str] = []
    after: list[str] = []
    part = after
    for line in text.splitlines():
        stamp = _STAMP.match(line)
        at = _moment(f"{stamp[1]}{stamp[2]}") if stamp is not None else None
        if at is not None and since is not None:
            part = before if at < since - _SLACK else after
        part.append(line[stamp.end() :] if stamp is not None else line)
    return before, after


def _moment(stamp: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(stamp)
    except ValueError:
        return None
