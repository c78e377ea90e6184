"""Text as it may be sent to a model, and kept of what it said. Pure."""

import re

from ooda.common.masking import mask

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tab and line end
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # not seen, or they turn the text around
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of characters, which no encoding has; tags
)


def plain(text: str) -> str:
    """Return the text masked, without what nobody can see: it could hide a word from the mask."""
    return mask(_UNSEEN.sub("", text))
