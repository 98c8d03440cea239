"""The ways of calling git that only read the repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openhands_tiered_router.guards.confirm.options import Arguments, Reads, reads
from openhands_tiered_router.guards.confirm.words import Unclear, Word


_FORMAT: Final = (
    "--oneline --pretty: --format: --abbrev-commit --no-abbrev-commit --date: --graph"
    " --decorate? --no-decorate --color? --no-color --relative-date"
)
_DIFF: Final = (
    "p u --patch s --no-patch U: --unified: --stat? --numstat --shortstat --dirstat"
    " --summary --name-only --name-status --raw M --find-renames? C w b"
    " --ignore-all-space --ignore-space-change --ignore-blank-lines --word-diff?"
    " --diff-filter: --minimal --patience --histogram --no-ext-diff --no-textconv"
    " --no-renames --exit-code --quiet --compact-summary --full-index --binary S: G:"
)
_WALK: Final = (
    "n: --max-count: --skip: --since: --after: --until: --before: --author:"
    " --committer: --grep: i --all --branches? --tags? --remotes? --merges --no-merges"
    " --reverse"
    " --follow --first-parent --topo-order --date-order --full-history L@ E F"
    " --left-right --cherry-pick --cherry --boundary --simplify-by-decoration"
)
_LOG: Final = reads(f"{_FORMAT} {_DIFF} {_WALK}", number=True)
_NOTHING: Final = reads(most=0)


def _lists(arguments: Arguments) -> bool:
    """``git branch NAME`` creates one; after ``--list`` a name is a pattern."""
    given = {"-l", "--list", "--contains", "--merged", "--no-merged", "--points-at"}
    return not arguments.paths or bool(given & set(arguments.options))


_COMMANDS: Final[dict[str, Reads]] = {
    "status": reads(
        "s b v --short --branch --porcelain? --long --ignored? u --untracked-files? z"
        " --show-stash --ahead-behind --no-ahead-behind --no-renames"
    ),
    "log": _LOG,
    "show": _LOG,
    "whatchanged": _LOG,
    "reflog": reads(f"{_FORMAT} n: --all", number=True, most=0),
    "diff": reads(f"{_FORMAT} {_DIFF} --cached --staged --merge-base --check"),
    "diff-tree": reads(f"{_FORMAT} {_DIFF} r --root --no-commit-id"),
    "blame": reads("L: w C M l s e f n --since: --porcelain --date: --show-email"),
    "shortlog": reads("s n e --summary --numbered --email --all --since:"),
    "branch": reads(
        "a r v l --all --remotes --list --show-current --contains: --merged?"
        " --no-merged? --points-at: --sort: --format: --color? --no-color --verbose",
        check=_lists,
    ),
    "tag": reads(
        "l n --list --contains: --points-at: --merged? --sort: --format:", check=_lists
    ),
    "rev-parse": reads(
        "--show-toplevel --abbrev-ref? --short? --verify --git-dir q --quiet"
        " --is-inside-work-tree --show-prefix --show-cdup --symbolic-full-name"
        " --is-bare-repository"
    ),
    "rev-list": reads(f"{_WALK} --count --objects", number=True),
    "ls-files": reads(
        "c d m o s u z t v --cached --deleted --modified --others --stage --unmerged"
        " --exclude-standard --full-name --error-unmatch x:"
    ),
    "ls-tree": reads("r d t l z --name-only --full-tree --long --full-name"),
    "cat-file": reads("t s e p"),
    "describe": reads(
        "--tags --all --long --always --dirty? --abbrev: --match: --exact-match"
    ),
    "merge-base": reads("a --all --is-ancestor --fork-point --octopus"),
    "name-rev": reads("--name-only --tags --always"),
    "show-ref": reads("--heads --tags --verify s --hash? d q"),
    "for-each-ref": reads("--format: --sort: --count: --contains: --merged?"),
    "count-objects": reads("v H", most=0),
    "check-ignore": reads("v n q"),
    "version": _NOTHING,
    "grep": reads(
        "n i w v c l L h H E F P G o p W A: B: C: e: I --line-number --count"
        " --ignore-case --word-regexp --files-with-matches --fixed-strings --and --or"
        " --extended-regexp --perl-regexp --not --cached --heading --break"
        " --untracked --color? --no-color --max-depth:",
        texts=1,
        texts_given_by=frozenset({"-e"}),
    ),
}
_SECOND: Final[dict[tuple[str, str], Reads]] = {
    ("stash", "list"): reads(f"{_FORMAT}", most=0),
    ("stash", "show"): reads(f"{_DIFF}"),
    ("remote", "-v"): _NOTHING,
    ("remote", "get-url"): reads("--all"),
    ("worktree", "list"): reads("--porcelain v", most=0),
    ("reflog", "show"): reads(f"{_FORMAT} n:", number=True),
}


def git_paths(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words of a git call that may be paths; so may revisions.

    Raises:
        Unclear: The call is not known to only read.
    """
    rest = list(words)
    paths: list[Word] = []
    while rest and rest[0].text in ("-C", "--no-pager", "-P", "--no-optional-locks"):
        if rest.pop(0).text == "-C":
            if not rest:
                raise Unclear("git -C without a directory")
            paths.append(rest.pop(0))
    if [w.text for w in rest] in (["--version"], ["remote"]):
        return tuple(paths)
    name = rest[0].text if rest else ""
    spec = _COMMANDS.get(name)
    rest = rest[1:]
    if rest and (name, rest[0].text) in _SECOND:
        spec, rest = _SECOND[name, rest[0].text], rest[1:]
    if spec is None:
        raise Unclear(f"git {name[:20]}")
    arguments = spec.read(rest)
    return (*paths, *_parts(arguments))


def _parts(arguments: Arguments) -> list[Word]:
    """``HEAD:.env`` shows a file; so each part of a revision counts as a path."""
    return [
        Word(part, word.glob)
        for word in arguments.paths
        for part in word.text.split(":")
        if part
    ]
