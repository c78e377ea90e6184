"""Answer people's questions about the policy; nothing is decided by it and nothing written."""

from ooda.common.bus.consulting import CheckPlaybook, ExplainPolicy, PolicyAnswer, Question
from ooda.common.taxonomy import FailureClass
from ooda.decider.core.explaining import of_class
from ooda.decider.core.limits import Limits
from ooda.decider.core.playbook import Playbook, PlaybookError, parse_playbook
from ooda.decider.desk import Desk


class Consultant:
    """Knows the playbook, the limits, and the incidents of the desk."""

    def __init__(self, desk: Desk, playbook: Playbook, limits: Limits) -> None:
        self._desk = desk
        self._playbook = playbook
        self._limits = limits

    async def consult(self, question: Question) -> PolicyAnswer:
        """Answer one question."""
        match question:
            case CheckPlaybook(text=text):
                return _checked(text)
            case ExplainPolicy(about=about):
                return await self._explain(about)

    async def _explain(self, about: str) -> PolicyAnswer:
        for failure in FailureClass:
            if about == failure:
                row = self._playbook[failure]
                return PolicyAnswer(lines=tuple(of_class(failure, row, self._limits)))
        found = [each for each in self._desk.incidents() if each.incident_id.startswith(about)]
        if len(found) != 1:
            how_many = "none" if not found else f"{len(found)} of them"
            return PolicyAnswer(
                error=f"{about}: no failure class, and of incidents there is {how_many}"
            )
        return PolicyAnswer(lines=tuple(await self._desk.explain(found[0])))


def _checked(text: str) -> PolicyAnswer:
    try:
        rows = parse_playbook(text)
    except PlaybookError as error:
        return PolicyAnswer(error=str(error))
    steps = sum(len(each.steps) for each in rows.values())
    return PolicyAnswer(lines=(f"It can be used: {len(rows)} classes, {steps} steps.",))
