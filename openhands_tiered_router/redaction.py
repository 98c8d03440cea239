"""Secrets and personal data: which names hold them, what they look like, hiding them.

The only module that decides this: logs, telemetry, error messages, ``config show`` and
the environment of an agent's commands all ask here. It errs on the side of hiding: what
is assigned to a name such as ``token`` counts, in code too. Time is linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import quote


REDACTED: Final = "[redacted]"
HIDDEN: Final = "(hidden: may be a secret)"
"""Replaces a whole value in messages about settings."""

# Words of a name, as in DB_PASS, npm-auth or clientSecret. "key" counts beside another
# word only, or alone in capitals, as a variable of the environment: KEY.
_SECRET_WORDS: Final = re.compile(
    "pass|passwd|passwords?|passphrase|pwd|askpass|secrets?|token|pat|credentials?"
    "|auth|authorization|bearer|cookies?|(?:api|access|secret|private)key"
)
# "public_key" and "cache_key" are no secrets, nor is "cost_per_token".
_NOT_BEFORE_KEY: Final = re.compile(
    "public|cache|primary|foreign|sort|partition|index|group|row|json|dict|object"
    "|hot|any|press|shortcut|routing"
)
_NOT_BEFORE_TOKEN: Final = re.compile("per|on")
# "token_count" measures, and "api_key_env" names a variable.
_NOT_LAST: Final = re.compile(
    "counts?|limit|budget|usage|length|size|cost|price|type|env"
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SHORT_PREFIX: Final = re.compile(
    r"((sk|pk|rk|xai|gsk|hf|ghp|gho|github_pat|glpat)[-_]|AIza|AKIA|ASIA|eyJ|Bearer )"
)
_RANDOM_RUN: Final = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}"
    r"|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_USER_IN_URL: Final = re.compile(r"://[^/\s]*@")
_MAX_SHOWN: Final = 60

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
        passw(?:or)?d | passphrase | (?<=[_-])pwd | (?-i:pwd) | secret | credentials?
      | (?<!\bon_)(?<!\bper_)(?<!_per_)token
      | (?<![A-Za-z0-9])(?:pass | auth) | (?<=[_-])pat
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

# A variable of the environment: its whole name decides, then the look of its value.
_VARIABLE: Final = re.compile(
    r"""(?<!\w)(?P<variable>[A-Z][A-Z0-9_]{1,79})="""
    r"""(?:(?P<mark>["'])(?P<marked>[^"'\n]+)(?P=mark)|(?P<random>[^\s"'`<>;,&|]+))"""
)

# Three kinds of characters in a row of 12, or 128 bits in hexadecimal: the words of
# identifiers, models, versions and paths have neither.
_RANDOM: Final = re.compile(
    r"(?=[A-Za-z0-9]{0,40}[a-z])(?=[A-Za-z0-9]{0,40}[A-Z])(?=[A-Za-z0-9]{0,40}\d)"
    r"[A-Za-z0-9]{12}|[0-9a-f]{32}"
)

_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_=.-]{16,}")
_REFERENCE: Final = re.compile(
    r"[$({\[]|(?:none|null|true|false)\b|[A-Za-z_][\w.]*[(\[]", re.IGNORECASE
)

_VALUES: Final = frozenset({"authorization", "cookie", "bearer"}) | {
    *("quoted", "close", "apart", "word", "argument"),
}

# What a line must hold, in lower case, for a pattern to be tried: that is faster.
_NAMED: Final = (
    (("authorization", "cookie", "bearer"), _HEADER),
    (("pass", "pwd", "secret", "token", "credential", "key", "auth", "pat"), _ASSIGNED),
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


def is_secret_name(name: str) -> bool:
    """Whether a key, header or variable of that name usually holds a secret.

    By its words, in any spelling: ``DB_PASS``, ``x-api-key``, ``clientSecret``.
    """
    if name == "PWD":  # the working directory
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or _NOT_LAST.fullmatch(words[-1]):
        return False
    return any(
        _is_secret_word(before, word, alone=name.isupper())
        for before, word in zip(["", *words], words, strict=False)
    )


def _is_secret_word(before: str, word: str, *, alone: bool) -> bool:
    if word in ("key", "keys"):
        return bool(before or alone) and not _NOT_BEFORE_KEY.fullmatch(before)
    if word == "token" and _NOT_BEFORE_TOKEN.fullmatch(before):
        return False
    return _SECRET_WORDS.fullmatch(word) is not None


def looks_secret(text: str) -> bool:
    """Whether a setting's value has the form of a key, a token or a password in a URL.

    Stricter than ``redacted``, since a setting is short and may be hidden whole: any
    run of 16 letters and digits counts. Names of settings and models have shorter ones.
    """
    patterns = (_SHORT_PREFIX.match, _USER_IN_URL.search, _RANDOM_RUN.search)
    return any(pattern(text) for pattern in patterns) or redacted(text) != text


def shown(value: Any, name: str = "", length: int = _MAX_SHOWN) -> str:
    """``value`` of the key ``name`` for a message: short, and never a secret."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple | set):
        return "a list"
    if is_secret_name(name) or looks_secret(str(value)):
        return HIDDEN
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


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
    return _VARIABLE.sub(_without_variable, line) if "=" in line else line


def _without_variable(found: re.Match[str]) -> str:
    value = found["marked"] or found["random"]
    named = is_secret_name(found["variable"]) and not _reference(value)
    if REDACTED in value or not (named or _RANDOM.search(value)):
        return found[0]
    # A random part goes with its whole value; a path or a model's name has none.
    if not named and not _OPAQUE.fullmatch(value):
        return found[0]
    mark = found["mark"] or ""
    return f"{found['variable']}={mark}{REDACTED}{mark}"


def _reference(value: str) -> bool:
    """``$OTHER``, ``None``, a call: the value is not the secret itself."""
    return bool(_REFERENCE.match(value))


def _without_value(found: re.Match[str]) -> str:
    """The match with its value redacted, but for a variable's that is not random."""
    ((group, value),) = (
        (n, v) for n, v in found.groupdict().items() if n in _VALUES and v
    )
    start, end = found.span(group)
    before, after = found.string[found.start() : start], found.string[end : found.end()]
    return f"{before}{REDACTED}{after}"


def visible(text: str, *, keep: str = "") -> str:
    r"""Text of outside origin without what makes a terminal show another text.

    Control and format characters, such as escape sequences and marks that turn the
    direction of writing, become what Python writes for them (``\x1b``), except those
    of ``keep``.
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)
