"""What looks like a secret, or tells who somebody is: the one place that knows.

It errs on the side of hiding: what is assigned to a name such as ``token`` counts, in
code too. The time is in proportion to the text, whatever stands in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote


REDACTED: Final = "[redacted]"

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN[ A-Z0-9]*PRIVATE KEY.*?"
    r"(?:-----END[ A-Z0-9]*PRIVATE KEY(?: BLOCK)?(?:-----)?|\Z)",
    re.DOTALL,
)

# Each begins with a literal, by which the search is fast. All that may belong to a key
# is part of the match, so that nothing is left of a second one close behind.
_KEY: Final = re.compile(
    r"""
    (?: sk-ant- | sk-proj- | sk-or-v1- | sk-svcacct- | sk-admin- | sk-oh- | sk-lf-
      | sk_live_ | sk_test_ | rk_live_ | rk_test_ | pk_live_ | pk_test_ | whsec_
      | github_pat_ | glpat- | gldt- | glrt- | glptt- | glcbt- | glagent-
      | xox[a-z]- | xapp- | AIza | ya29\. | GOCSPX-
      | AKIA(?=[A-Z0-9]{16}) | ASIA(?=[A-Z0-9]{16})
      | gh[pousr]_(?=[A-Za-z0-9]{20}) | hf_(?=[A-Za-z0-9]{20})
      | gsk_(?=[A-Za-z0-9]{20}) | npm_(?=[A-Za-z0-9]{20}) | r8_(?=[A-Za-z0-9]{20})
      | xai-(?=[A-Za-z0-9]{20}) | pplx-(?=[A-Za-z0-9]{20}) | hvs\.(?=[A-Za-z0-9]{20})
      | lin_api_ | tgp_v1_ | tvly- | nvapi- | pypi-AgE | dop_v1_ | dckr_pat_
      | shpat_ | sntrys_ | sntryu_ | ATATT3x | SG\.(?=[A-Za-z0-9_-]{16,}\.)
      | eyJ(?=[A-Za-z0-9_-]{13})
    )[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*
    """,
    re.VERBOSE,
)

# Others that begin with "sk-": after a letter, as in "task-", only where no word is.
_OTHER_KEY: Final = re.compile(
    r"""
    [prs]k-
    (?: (?<![A-Za-z0-9]...)(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{16,}
      | (?=[A-Za-z]{0,19}\d)[A-Za-z0-9]{20,} )
    """,
    re.VERBOSE,
)

_ADDRESS: Final = re.compile(
    r"""(?<=//)[^/\s:@"'<>]*:[^/\s"'<>]*(?=@) | (?<=https://)[^/\s:@"'<>]+(?=@)""",
    re.VERBOSE,
)

_EMAIL: Final = re.compile(r"(?<![\w.%+-])[\w.%+-]++@(?:[\w-]+\.)+[^\W\d_]{2,}")

# What may stand behind a name, and before a value: quotes of JSON within JSON have a
# backslash before them, those within that three, then seven.
_END: Final = r"""\\{0,7}["']?\]?\s*"""
_BEGIN: Final = r"""\s*(?:\\{0,7}["'])?"""

_HEADER: Final = re.compile(
    rf"""
    authorization{_END}[:=]{_BEGIN}(?P<authorization>[^\s"'\\][^"'\\]{{3,}})
    | cookie{_END}[:=]{_BEGIN}(?P<cookie>[\w.-]+=[^"'\\]+)
    | \bbearer\s+(?=[^\s"']*\d|[^\s"']{{20}})(?P<bearer>[A-Za-z0-9._~+/=-]{{8,}})
    """,
    re.VERBOSE | re.IGNORECASE,
)

_BARE: Final = r"""[^\s"'`<>(){}\[\];,&|$\\]"""

# Lazily, with escaped quotes in it; unrolled, for each turn of a loop takes memory.
_ESCAPED: Final = r"""(?:\\.|[^\\])[^\\]*?(?:\\.[^\\]*?)*?"""

# In code: a keyword, a type, a call, or what has the same name.
_NO_VALUE: Final = r"""
    (?! (?: none|null|nil|true|false|undefined|self|this|str|int|float|bool|bytes
          | string|number|boolean|object|any )\b
      | (?:[\w.]*[_.])?(?P=name)\b | [A-Za-z_][\w.]*[(\[] )
"""

_ASSIGNED: Final = re.compile(
    rf"""
    (?P<name>
        passw(?:or)?d | passphrase | pwd | secret | credentials?
      | (?<!\bon_)(?<!\bper_)(?<!_per_)token
      | (?:api|access|secret|private|account|auth|signing|encryption|master)[_-]?key
    )
    (?: {_END}(?:=(?!=)>?|:(?!:)=?)\s*[rbu]?(?P<q>\\{{0,7}}(?:"{{3}}|'{{3}}|["']))
        (?P<quoted>{_ESCAPED}|.+?)(?P=q)
      | ={_NO_VALUE}(?P<close>{_BARE}+)
      | (?:\s+=\s*|:\s+){_NO_VALUE}
        (?P<apart>(?={_BARE}*[\d@#%^*+/~!?-]){_BARE}{{4,}})
      | :\s+{_NO_VALUE}(?P<word>(?-i:[a-z]{{6,}})(?=\s*$))
    )
    | --[\w-]{{0,40}}?(?:password|passwd|token|secret|api-?key)
      \s+(?P<argument>(?!-){_BARE}{{4,}})
    """,
    re.VERBOSE | re.IGNORECASE,
)

_VARIABLE: Final = re.compile(
    r"""(?<!\w)[A-Z][A-Z0-9_]{2,}=["']?(?P<random>[A-Za-z0-9+/_=.-]{16,})"""
)

# Three kinds of characters in a row of 12, or 128 bits in hexadecimal: the words of
# identifiers, models, versions and paths have neither.
_RANDOM: Final = re.compile(
    r"(?=[A-Za-z0-9]{0,40}[a-z])(?=[A-Za-z0-9]{0,40}[A-Z])(?=[A-Za-z0-9]{0,40}\d)"
    r"[A-Za-z0-9]{12}|[0-9a-f]{32}"
)

_VALUES: Final = frozenset({"authorization", "cookie", "bearer"}) | {
    *("quoted", "close", "apart", "word", "argument", "random"),
}

# What a line must hold, in lower case, for a pattern to be tried: that is faster.
_NAMED: Final = (
    (("authorization", "cookie", "bearer"), _HEADER),
    (("passw", "passphrase", "pwd", "secret", "token", "credential", "key"), _ASSIGNED),
    (("=",), _VARIABLE),
)


def redacted(text: str, secrets: Collection[str] = ()) -> str:
    """The text without what looks like a key, a password or an e-mail address.

    Args:
        text: Any text; some 0.3 microseconds a character.
        secrets: Strings that must not stay, whatever they look like.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _PRIVATE_KEY.sub(REDACTED, text)
    # By lines, since other threads stand still while a pattern is searched for.
    return "\n".join(map(_redacted_line, text.split("\n")))


def spellings(secret: str) -> set[str]:
    """A secret as it is, within JSON, and within an address; none of an empty one."""
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe="")} - {""}


def _redacted_line(line: str) -> str:
    line = _OTHER_KEY.sub(REDACTED, _KEY.sub(REDACTED, line))
    if "//" in line:
        line = _ADDRESS.sub(REDACTED, line)
    if "@" in line:
        line = _EMAIL.sub(REDACTED, line)
    low = line.lower()
    for needles, pattern in _NAMED:
        if any(needle in low for needle in needles):
            line = pattern.sub(_without_value, line)
    return line


def _without_value(found: re.Match[str]) -> str:
    """The match with its value redacted, but for a variable's that is not random."""
    ((group, value),) = (
        (n, v) for n, v in found.groupdict().items() if n in _VALUES and v
    )
    if group == "random" and not _RANDOM.search(value):
        return found[0]
    start, end = found.span(group)
    before, after = found.string[found.start() : start], found.string[end : found.end()]
    return f"{before}{REDACTED}{after}"
