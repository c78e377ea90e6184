"""What looks like a credential is masked before a text of the cluster is published. Pure.

Rather too much than too little: the text is for a person, and nothing is decided from it. Mask the
whole text and cut it afterwards: of what is cut, a rule may not know what it is. Repetitions that
may begin at every character are bounded, so that the time grows with the length alone.
"""

import re

MASK = "[masked]"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    # A JSON Web Token: three parts in base64url, the first two begin with '{"'.
    (re.compile(r"\beyJ[\w-]{5,2000}\.(?:eyJ)?[\w-]+(?:\.[\w-]*)?"), MASK),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}"), rf"\1{MASK}"),
    # user:password@ of a connection string
    (
        re.compile(
            r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]{0,200}:)[^\s@]{1,4000}(?=@)", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"""(?ix)
            ((?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key
            |private[_-]?key|credentials?|authorization|cookie)[\w-]{0,64}(?:\\?["'])?\s*[:=]\s*)
            (?!\[masked\])
            # A quote that is not closed goes on to the end of the line.
            (\\"[^"\n]*"?|\\'[^'\n]*'?|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?
            |(?:(?:bearer|basic)\s+)?[^\s,;&"'}]+)
            """
        ),
        rf"\1{MASK}",
    ),
    # Keys of well-known makers, by their prefixes.
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{10,}"), MASK),
)


def mask(text: str) -> str:
    """Return the text with what looks like a credential replaced."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
