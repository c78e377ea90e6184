"""Make text from events, databases and servers harmless to a terminal. Pure.

Whoever can name a pod or write a log line can put escape sequences into what is shown here: they
would move the cursor, hide lines, or set the clipboard.
"""

import json
import re

_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # unseen, or turn the text around
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of characters, tags
)


def inert(text: str) -> str:
    r"""Return the text on one line, with ``\x1b`` for an escape character and so on."""
    return _ACTIVE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def inert_json(document: str) -> str:
    """Return the same JSON without a character that a terminal acts upon, but for line ends."""
    return _ACTIVE.sub(_escaped, document)


def _escaped(found: "re.Match[str]") -> str:
    # Raw control characters are between tokens only: inside of strings JSON has them escaped.
    if found[0] == "\n":
        return "\n"
    return " " if found[0] < " " else json.dumps(found[0])[1:-1]
