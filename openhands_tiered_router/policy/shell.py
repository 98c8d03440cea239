"""What kind of action a shell command is, for agents that only have a terminal."""

from __future__ import annotations

import re
from typing import Final

from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.workspace import entered, is_throwaway, widened


_PREFIXES: Final = re.compile(
    r"^(?:(?:cd\s+[^\s;&|]+|source\s+\S+|\.\s+\S+|set\s+-\w+)\s*(?:&&|;|\n)\s*"
    r"|[A-Za-z_]\w*=\S*\s+"
    r"|(?:sudo|time|nice|env|timeout\s+\S+|(?:uv|poetry)\s+run)\s+)+"
)
_SUBMIT: Final = "COMPLETE_TASK_AND_SUBMIT"
"""How mini-swe-agent says that it is done."""
_WRITES: Final = re.compile(
    r"^(?:cat|tee|printf|echo)\b[^|]*?>{1,2}\s*(?P<to>[^\s&>;|]+)"
    r"|^tee\s+(?:-a\s+)?(?P<tee>[^\s<>;|]+)"
)
_CREATES: Final = re.compile(r"^(?:str_replace_editor\s+)?create\s+(\S+)")
"""SWE-agent's commands for a new file."""
_GIVEN: Final = re.compile(
    r"^\s*(?:/\S*/)?(?:ba|z)?sh\s+-l?c\s+(?P<quote>[\"'])(?P<line>.*)(?P=quote)\s*$",
    re.S,
)
_ONLY_LOOKS: Final = re.compile(r"(?:grep|rg|find|cat|sed|head|tail|ls|pip|echo)\b")
_TESTS: Final = re.compile(
    r"\b(?:pytest|py\.test|tox|nox|unittest|nosetests|runtests\.py|manage\.py\s+test"
    r"|go\s+test|cargo\s+(?:test|nextest)|(?:npm|yarn|pnpm)\s+(?:run\s+)?test"
    r"|vitest|jest|mocha|(?:mvnw?|gradlew?)\s(?:[^|;&]*\s)?[\w:]*[tT]est|ctest|rspec"
    r"|phpunit|bin/test|make\s+(?:test|check))\b"
    r"|^(?:(?:ba|z)?sh\s+|\./)(?!-)\S*test"
)
"""The last: a script that is called a test, whatever runs it."""
_CODE_GIVEN: Final = re.compile(r"\s-[ce]\s|\s-\s*<<|<<")
_FILE_WRITTEN: Final = re.compile(r"open\([^)]*['\"][wa]\+?['\"]|\.write_text\(")
_EDITS: Final = re.compile(
    r"^sed\s+(?:-\w+\s+)*-i|\bsed\s+-\w*i|^patch\b|^git\s+(?:apply|checkout|restore"
    r"|reset|stash)\b|^ed\s|^perl\s+-\w*i|^(?:cp|mv)\s"
)
_KINDS: Final[tuple[tuple[ActionKind, re.Pattern[str]], ...]] = tuple(
    (ActionKind(kind), re.compile(pattern))
    for kind, pattern in (
        (
            "read",
            r"^(?:open|goto|scroll_up|scroll_down)(?:\s|$)|^str_replace_editor\s+view\b",
        ),
        ("search", r"^(?:search_dir|search_file|find_file)\s"),
        ("edit", r"^(?:edit|insert|str_replace_editor)\s"),
        ("finish", r"^submit\s*$"),
        ("edit", _EDITS.pattern),
        ("git", r"^(?:git|gh|hg)\b"),
        (
            "run",
            r"^(?:python[\d.]*|ipython|node|ruby|perl|php|bash|sh)\s"
            r"|^\./(?!mvnw|gradlew)",
        ),
        ("search", r"\b(?:grep|rg|ag|ack)\b"),
        ("list", r"^(?:ls|find|fd|tree|pwd|wc|which|stat|file|du|df)\b"),
        ("read", r"^(?:cat|sed|head|tail|nl|less|more|bat|awk|cut|diff|cmp)\b"),
        (
            "install",
            r"^(?:pip[\d.]*|conda|apt|apt-get|uv|poetry|(?:npm|yarn|pnpm)(?!\s+run))\b",
        ),
        ("cleanup", r"^rm\b"),
    )
)


_ANSWERS: Final = re.compile(
    r"(?:\S*/)?(?:git\s+(?:--no-pager\s+)?(?:grep|diff)|z?[ef]?grep|rg|ag|ack|diff|cmp"
    r"|test|\[\[?|which|type|command\s+-v|pgrep)(?:\s|$)"
)
_STATEMENTS: Final = re.compile(r"\s*(?:;|\n)\s*")
_CHAINED: Final = re.compile(r"\s*(?:&&|\|\|)\s*")


def answers_one(command: str) -> bool:
    """Whether the exit code 1 of a command line is an answer rather than a failure.

    So it is of the commands that search and compare, if one of them ends the last
    statement or a part of it. Separators within quotes are taken for separators.

    >>> answers_one("cd src && grep -rn needle . | head")
    False
    >>> answers_one("cd src && cat a.py | grep needle")
    True
    """
    last = _STATEMENTS.split(command.strip())[-1]
    parts = (part.rsplit("|", 1)[-1].strip() for part in _CHAINED.split(last))
    return any(_ANSWERS.match(_PREFIXES.sub("", part, count=1)) for part in parts)


def without_shell(command: str) -> str:
    """The command line itself, where it is given to a shell as one argument."""
    match = _GIVEN.match(command)
    return match["line"] if match else command


def command_kind(command: str, root: str = "") -> ActionKind:
    """The kind of a command line.

    Judged by the first command after directory changes and variable settings; a test
    runner counts anywhere in the line, unless the command only looks at text.

    Args:
        command: As the agent gave it.
        root: The directory that it works in, as far as that is known.

    >>> str(command_kind("cd src && grep -rn 'def f' ."))
    'search'
    >>> str(command_kind("python -m pytest -q | tail -5"))
    'test'
    """
    body = _PREFIXES.sub("", command.strip(), count=1)
    if _SUBMIT in body:
        return ActionKind.FINISH
    first = body.split("\n", 1)[0]
    if written := _WRITES.match(first) or _CREATES.match(first):
        path = next(filter(None, written.groups()), "")
        return _written_kind(path, widened(root, entered(command)))
    if _TESTS.search(body) and not _ONLY_LOOKS.match(body):
        return ActionKind.TEST
    kind = next((k for k, p in _KINDS if p.search(first)), ActionKind.SHELL)
    if kind is ActionKind.RUN and _CODE_GIVEN.search(first):
        written = _FILE_WRITTEN.search(body)
        return ActionKind.EDIT if written else ActionKind.SNIPPET
    return kind


def _written_kind(path: str, root: str) -> ActionKind:
    if path.startswith("/dev/"):
        return ActionKind.SHELL
    return ActionKind.SCRIPT if is_throwaway(path, root) else ActionKind.EDIT
