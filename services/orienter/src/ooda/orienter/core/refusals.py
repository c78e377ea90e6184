"""Why the API server takes no pod of a controller, by its words. Pure."""

import re

_REFUSED = re.compile(r"\bis forbidden\b|\bis invalid\b|denied the request")
"""A verdict on the pod as it is: of admission, of validation, of a webhook or a policy."""
_PASSES = re.compile(r"being terminated|failed calling webhook|timed? ?out|connection refused")
"""Nobody judged the pod: the namespace goes, or who was to judge could not be asked."""


def over_quota(words: str) -> bool:
    """Return whether a ResourceQuota has no room for another pod."""
    return "exceeded quota" in words


def refused(words: str) -> bool:
    """Return whether a pod as its template has it is not taken, for another reason than a quota."""
    judged = _REFUSED.search(words) is not None
    return judged and not over_quota(words) and _PASSES.search(words) is None
