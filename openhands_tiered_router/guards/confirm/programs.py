"""The programs that surely only read, each with its options and number of words.

An option is listed if it only changes what is read and printed; by the manuals of GNU
coreutils 9, grep 3, findutils 4, ripgrep 14 and git 2.39. In a specification ``abc``
are three flags, ``n:`` takes a value, ``f@`` a path; ``--long``, ``--long:`` alike, and
``--long?`` may have a value after ``=``. Abbreviations are not known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from openhands_tiered_router.guards.confirm.paths import is_secret, may_match_secret
from openhands_tiered_router.guards.confirm.repository import (
    check_repository,
    tracks_secret,
)
from openhands_tiered_router.guards.confirm.verdict import Unclear, names


if TYPE_CHECKING:
    from openhands_tiered_router.guards.confirm.paths import Places


class Word(NamedTuple):
    """What bash passes to a program, or a glob that it replaces by names."""

    text: str
    glob: bool = False
    quoted: bool = False
    number: bool = False
    """The last exit code is in it."""


MANY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reads:
    """How a program may be called to do nothing but read and print."""

    options: str = ""
    least: int = 0
    most: int = MANY
    """Positional words. A second one is where ``uniq`` writes to."""
    texts: int = 0
    """Leading positional words that are no paths: a pattern, a script."""
    script: str = ".*"
    """What those must match as a whole."""
    text_options: str = ""
    """Options that give that text, so that every positional word is a path."""
    sweeps: bool = False
    """``*`` may come first: no name can become an option that does more than read."""


_CAT: Final = Reads("AbeEnstTuv --number --show-all", sweeps=True)
_HEAD: Final = Reads("qv n: c: --lines: --bytes: --quiet -N", sweeps=True)
_DIGEST: Final = Reads("b t --tag")
_NAME: Final = r"[A-Za-z0-9_.+-]+"
_WHICH: Final = Reads("a", 1, texts=MANY, script=_NAME)
_NOTHING: Final = Reads(most=0)
_GREP: Final = Reads(
    "abcEFGhHilLnoPqrsTUvwxyzI A: B: C: m: e: -N --color? --include: --exclude:"
    " --exclude-dir: --recursive --line-number --ignore-case --count --only-matching"
    " --files-with-matches --files-without-match --word-regexp --invert-match --text"
    " --fixed-strings --extended-regexp --perl-regexp --max-count: --context:"
    " --after-context: --before-context: --no-filename --with-filename --regexp:"
    " --no-messages --quiet",
    texts=1,
    text_options="-e --regexp",
    sweeps=True,
)
_RG: Final = Reads(
    "cFiIlnNopPqsSvwxH A: B: C: e: g: m: t: T: M: -N --files --type: --type-not:"
    " --glob: --iglob: --max-depth: --max-count: --line-number --no-line-number"
    " --ignore-case --smart-case --fixed-strings --files-with-matches --count"
    " --files-without-match"
    " --count-matches --heading --no-heading --color: --context: --only-matching"
    " --sort: --type-list --word-regexp --multiline --invert-match --with-filename"
    " --no-filename --regexp: --stats --trim --vimgrep --no-messages --max-columns:"
    " --json --hidden",
    texts=1,
    text_options="-e --regexp --files --type-list",
)
_ADDRESS: Final = r"(?:\d+|\$|/(?:[^/\\]|\\[^\n])+/)"
_PRINTED: Final = rf"(?:{_ADDRESS}(?:,(?:{_ADDRESS}|\+\d+))?)? *[pdq=]"
_SED: Final = (
    rf"s/(?:[^/\\]|\\.)*/(?:[^/\\]|\\.)*/[gIip\d]*|{_PRINTED}(?: *; *{_PRINTED})*;?"
)
_FIELD: Final = r"(?:\$(?:\d+|NF)|N[RF]|FNR|\"[^\"\\$`|<>]*\")"
_TESTED: Final = r"(?:N[RF]|\$\d+) *[<>=!]=? *(?:\d+|\"[\w ]*\")"
_CONDITION: Final = rf"(?:{_TESTED}(?: *(?:&&|\|\|) *{_TESTED})*|/(?:[^/\\]|\\.)+/)"
_PRINT: Final = rf"\{{ *print(?: +{_FIELD}(?: *,? *{_FIELD})*)? *;? *\}}"
_SUM: Final = r"\{ *([a-z]+) *\+= *\$(?:\d+|NF) *;? *\} *END *\{ *print +\1 *\}"
_AWK: Final = rf" *(?:{_CONDITION} *(?:{_PRINT})?|{_PRINT}|{_CONDITION}? *{_SUM}) *"
_STEP: Final = r"(?:\.|(?:\.[A-Za-z_]\w*|\.?\[\d*\]|\.\"[\w/@.-]+\")+|keys|length|type)"
_FORMAT: Final = r"(?:[A-Za-z0-9 ,.:;_+=/-]|\\[nt]|%[sd%])*"

_READS: Final[dict[str, Reads]] = {
    "ls": Reads(
        "1ABCFGHNQRSTUXZabcdfghiklmnopqrstuvwx --color? --all --almost-all --recursive"
        " --human-readable --group-directories-first --full-time --sort: --time-style:"
        " --directory --size --reverse --inode --classify --hide: --ignore: I:",
        sweeps=True,
    ),
    "cat": _CAT, "tac": Reads("b r s:"), "rev": Reads(), "head": _HEAD, "tail": _HEAD,
    "nl": Reads("b: n: w: s: v: i: p"), "fold": Reads("bs w:"),
    "wc": Reads("clmLw --lines --words --bytes --chars", sweeps=True),
    "sort": Reads("bdfghinMRrVuscC k: t: --unique --reverse --key: --numeric-sort"),
    "uniq": Reads("cdDuiz f: s: w: --count --repeated --unique", most=1),
    "cut": Reads("sz b: c: d: f: --delimiter: --fields: --complement"),
    "tr": Reads("cCdst", texts=MANY), "comm": Reads("123", most=2),
    "paste": Reads("sz d:"), "join": Reads("i t: j: 1: 2: o: a: v: e:", most=2),
    "diff": Reads(
        "abBcdeEiNpqrsuwy C: U: x: --brief --recursive --unified? --color? --new-file"
        " --side-by-side --ignore-all-space --ignore-blank-lines --exclude:", 2, 2
    ),
    "cmp": Reads("bls n:", 2, 2), "column": Reads("tx s: c: o:"),
    "grep": _GREP, "egrep": _GREP, "fgrep": _GREP, "rg": _RG,
    "fd": Reads("HIsapFgi e: d: t: E: --hidden --type: --extension: --max-depth:",
                texts=1),
    "tree": Reads("adfhsiDptrQ L: I: P: --dirsfirst --gitignore --noreport --prune"),
    "file": Reads("bhiL --brief --mime --mime-type", 1, sweeps=True),
    "stat": Reads("Lt c: --format: --printf:", 1, sweeps=True),
    "du": Reads("abcDhHkmsSx d: --max-depth: --exclude: --apparent-size --si",
                sweeps=True),
    "df": Reads("ahHiklmPT", most=0),
    "basename": Reads("az s:", 1, texts=MANY), "dirname": Reads("z", 1, texts=MANY),
    "realpath": Reads("emsz", 1), "readlink": Reads("femnz", 1),
    "md5sum": _DIGEST, "sha1sum": _DIGEST, "sha256sum": _DIGEST, "cksum": _DIGEST,
    "od": Reads("bcdosxv A: j: N: t: w:"), "hexdump": Reads("bcCdovx n: s:"),
    "xxd": Reads("bpu c: g: l: s:", most=1), "strings": Reads("af n: t:"),
    "seq": Reads("w", 1, 3, texts=3, script=r"-?[\d.]{1,9}"),
    "printf": Reads("", 1, texts=1, script=_FORMAT), "true": _NOTHING,
    "false": _NOTHING, "pwd": Reads("LP", most=0), "whoami": _NOTHING,
    "id": Reads("Ggnru", most=0), "groups": _NOTHING, "arch": _NOTHING,
    "uname": Reads("amnoprsv", most=0), "nproc": Reads("--all", most=0),
    "uptime": Reads("ps", most=0), "free": Reads("bghkmt", most=0),
    "hostname": Reads("fis", most=0), "clear": _NOTHING,
    "sleep": Reads("", 1, 1, 1, r"\d{1,2}(?:\.\d+)?"),
    "date": Reads("uIR --utc --iso-8601? --rfc-3339:", 0, 1, 1, r"\+[^\n]*"),
    "ps": Reads("efA", 0, 1, 1, "aux|ax"), "which": _WHICH, "type": _WHICH,
    "sed": Reads("nErsu e: --quiet --silent --regexp-extended --expression:", texts=1,
                 script=_SED, text_options="-e --expression"),
    "awk": Reads("F:", 1, texts=1, script=_AWK),
    "jq": Reads("cCeMnrsS --raw-output --compact-output --slurp --sort-keys --tab", 1,
                texts=1, script=rf" *{_STEP}(?: *\| *{_STEP})* *"),
    "cd": Reads("", 1, 1),
}  # fmt: skip
_VERSIONS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        names(
            "python python3 npm pip pip3 docker make cargo rustc ruby perl bash gcc"
            " uv cmake node git"
        ),
        ("--version", "-V", "-v"),
    ),
    "java": ("--version", "-version"), "go": ("version",), "perl": ("--version", "-v"),
    "bash": ("--version",), "make": ("--version", "-v"), "ruby": ("--version",),
    "uv": ("--version",), "git": ("--version", "version"), "gcc": ("--version",),
}  # fmt: skip
"""Programs that do anything, and the one word with which they print their version."""
_TOOLCHAIN: Final = {
    "cargo": ("rust-toolchain", "rust-toolchain.toml"),
    "rustc": ("rust-toolchain", "rust-toolchain.toml"),
    "go": ("go.mod", "go.work"),
}
"""Files by which a directory chooses the program that is run."""
_SECOND: Final[dict[str, dict[str, Reads]]] = {
    "pip": {"list": Reads("--format:", most=0), "show": Reads("f", 1, texts=MANY,
                                                              script=_NAME)},
    "pip3": {"list": Reads("--format:", most=0)},
    "command": {"-v": Reads("", 1, texts=MANY, script=_NAME),
                "-V": Reads("", 1, texts=MANY, script=_NAME)},
}  # fmt: skip
_SEARCHES: Final = {"grep": "-r --recursive", "diff": "", "rg": ""}
"""Programs, and with which options they read all files below a directory."""


def read_paths(words: Sequence[Word], places: Places) -> tuple[Word, ...]:
    """The words of a command that are paths, if it surely only reads.

    Raises:
        Unclear: The program, or one of its words, is not known.
    """
    name, rest = words[0].text, list(words[1:])
    try:
        if name in ("test", "["):
            return _test_paths(name, rest)
        if name != "echo" and any(word.number for word in rest):
            raise Unclear("the value of a variable")
        if name == "find":
            return _find_paths(rest)
        if name == "echo":  # prints whatever it is given; its globs are names
            return tuple(word for word in rest if word.glob)
        if len(rest) == 1 and rest[0].text in _VERSIONS.get(name, ()):
            _check_toolchain(name, places)
            return ()
        if name == "git":
            return _git_paths(rest, places)
        if name == "cd" and rest and rest[0].text == "-":
            raise Unclear("where the shell was before")
        spec = _READS.get(name)
        if rest and rest[0].text in _SECOND.get(name, {}):
            spec, rest = _SECOND[name][rest[0].text], rest[1:]
        if spec is None:
            raise Unclear("not a known program")
        options, paths = _read(spec, rest)
        _check_search(name.removeprefix("e").removeprefix("f"), options, paths, places)
        return paths
    except Unclear as error:
        raise Unclear(f"{name[:20]}: {error}") from None


def _check_toolchain(name: str, places: Places) -> None:
    here = places.here
    while True:
        for file in _TOOLCHAIN.get(name, ()):
            if os.path.lexists(os.path.join(here, file)):
                raise Unclear(f"{file} may choose another program")
        if here == os.path.dirname(here):
            return
        here = os.path.dirname(here)


def _check_search(
    name: str, options: set[str], paths: tuple[Word, ...], places: Places
) -> None:
    """A search through a directory reads the secrets in it, too."""
    if name not in _SEARCHES:
        return
    needed = set(_SEARCHES[name].split())
    narrowed = {"--include", "--files", "--type-list"} & options
    if (needed and not needed & options) or (narrowed and _WIDE not in options):
        return
    # A glob of ripgrep's takes hidden files in.
    shown = {"--hidden", "-g", "--glob", "--iglob"}
    hidden = name != "rg" or bool(shown & options)
    for word in paths or (Word("."),):
        for path in places.expanded(word.text) if word.glob else [word.text]:
            if places.holds_secret(path, hidden=hidden, follows=name == "diff"):
                raise Unclear("a search through a file that holds secrets")


def _parsed(options: str) -> dict[str, str]:
    """Each option with its kind: "" a flag, ``:`` a value, ``@`` a path, ``?``."""
    found: dict[str, str] = {}
    for token in options.split():
        kind = token[-1] if token[-1] in ":@?" else ""
        name = token.removesuffix(kind)
        spelled = [name] if name.startswith("-") else [f"-{c}" for c in name]
        found |= dict.fromkeys(spelled, kind)
    return found


def _read(spec: Reads, words: list[Word]) -> tuple[set[str], tuple[Word, ...]]:
    """The options and the paths of a command.

    Raises:
        Unclear: A word is not foreseen.
    """
    kinds = _parsed(spec.options)
    giving = set(spec.text_options.split())
    given: set[str] = set()
    positional: list[Word] = []
    paths: list[Word] = []
    scripts: list[Word] = []
    rest, ended = list(words), False
    while rest:
        word = rest.pop(0)
        if ended or word.text == "-" or not word.text.startswith("-"):
            positional.append(word)
            continue
        if word.text == "--":
            ended = True
            continue
        for name, value in _options(word.text, kinds, rest):
            given.add(name)
            if value is None:
                continue
            if value.glob and not (word.text.startswith("--") and kinds[name] == ":"):
                raise Unclear(f"a glob as the value of {name}")
            if name in ("--include", "--glob", "-g", "--iglob"):
                given |= _check_filter(value.text)
            if kinds[name] == "@":
                paths.append(value)
            elif name in giving:
                scripts.append(value)
    if not spec.least <= len(positional) <= spec.most:
        raise Unclear("its number of words")
    leading = 0 if giving & given else spec.texts
    scripts += positional[:leading]
    for text in scripts:
        if text.glob or not re.fullmatch(spec.script, text.text, re.DOTALL):
            raise Unclear("its text")
    paths += positional[leading:]
    for word in paths:
        if word.glob and (
            spec.most < MANY or (word.text[0] in "*?" and not spec.sweeps)
        ):
            raise Unclear("a glob that may become an option")
    return given, tuple(paths)


_WIDE: Final = "a wide filter"


def _check_filter(pattern: str) -> set[str]:
    """Marks a filter of files that lets secrets through; one meant for them asks."""
    name = pattern.lstrip("!")
    if is_secret(name) or may_match_secret(name):
        raise Unclear("a search for files that hold secrets")
    sweeps = not name.strip("*.?")
    return {_WIDE} if sweeps or may_match_secret(name, dots=True) else set()


def _options(
    text: str, kinds: dict[str, str], rest: list[Word]
) -> list[tuple[str, Word | None]]:
    """The options in one word, each with its value; may take the next word."""
    if "-N" in kinds and re.fullmatch(r"-\d+", text):
        return []
    if text.startswith("--") or text in kinds:
        name, equals, value = text.partition("=")
        kind = kinds.get(name)
        if kind is None or (equals and not kind):
            raise Unclear(f"option {name[:20]}")
        if equals:
            return [(name, Word(value, glob="*" in value or "?" in value))]
        return [(name, _next(name, rest) if kind in (":", "@") and kind else None)]
    found: list[tuple[str, Word | None]] = []
    for at, letter in enumerate(text[1:], 2):
        name = f"-{letter}"
        if name not in kinds or kinds[name] == "?":
            raise Unclear(f"option {name}")
        if kinds[name]:
            value = Word(text[at:]) if text[at:] else _next(name, rest)
            return [*found, (name, value)]
        found.append((name, None))
    return found


def _next(name: str, rest: list[Word]) -> Word:
    if not rest:
        raise Unclear(f"option {name} without a value")
    return rest.pop(0)


_FIND_TESTS: Final = names(
    "-name -iname -path -ipath -wholename -type -size -mtime -mmin"
    " -maxdepth -mindepth -regex -iregex -perm -user -group -atime -ctime"
)
_FIND_ALONE: Final = names(
    "-print -print0 -ls -prune -empty -not -a -o -and -or ! ( ) -true -xdev"
    " -mount -readable -executable -writable"
)


def _find_paths(words: list[Word]) -> tuple[Word, ...]:
    """Where a ``find`` that only prints names begins."""
    paths: list[Word] = []
    rest = list(words)
    while rest and rest[0].text[:1] not in ("-", "(", "!"):
        paths.append(rest.pop(0))
    while rest:
        word = rest.pop(0)
        if word.text in _FIND_TESTS and rest:
            rest.pop(0)
        elif word.text == "-newer" and rest:
            paths.append(rest.pop(0))
        elif word.text not in _FIND_ALONE:
            raise Unclear(f"{word.text[:20]}")
    if any(word.glob for word in words):
        raise Unclear("a glob that may become an option")
    return tuple(paths)


def _test_paths(name: str, words: list[Word]) -> tuple[Word, ...]:
    """One operator and one path; longer ones may evaluate an index, which runs code."""
    if name == "[" and (not words or words.pop().text != "]"):
        raise Unclear("no end")
    if words and words[0].text == "!":
        words = words[1:]
    if len(words) == 2 and not words[1].glob and not words[1].number:
        if words[0].text in ("-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h"):
            return (words[1],)
        if words[0].text in ("-n", "-z"):
            return ()
    raise Unclear("a test of more than one file")


_SHOWN: Final = (
    "--oneline --pretty: --format: --abbrev-commit --no-abbrev-commit --date: --graph"
    " --decorate? --no-decorate --color? --no-color p u --patch s --no-patch U:"
    " --unified: --stat? --numstat --shortstat --dirstat --summary --name-only"
    " --name-status --raw M --find-renames? C w b --ignore-all-space"
    " --ignore-space-change --word-diff? --diff-filter: --minimal --patience"
    " --no-ext-diff --no-textconv --no-renames --exit-code --quiet --compact-summary"
)
_WALK: Final = (
    " n: -N --max-count: --skip: --since: --after: --until: --before: --author:"
    " --committer: --grep: i --all --branches? --tags? --remotes? --merges --no-merges"
    " --reverse --follow --first-parent --topo-order --date-order L@ S: G: E F"
)
_LOG: Final = Reads(_SHOWN + _WALK)
_LISTS: Final = "a r v l n --all --remotes --list --sort: --format: --color? --verbose"
_GIT: Final[dict[str, Reads]] = {
    "status": Reads("s b v u --short --branch --porcelain? --long --ignored?"
                    " --untracked-files? --show-stash"),
    "log": _LOG, "show": _LOG, "whatchanged": _LOG,
    "diff": Reads(_SHOWN + " S: G: --cached --staged --merge-base --check"),
    "blame": Reads("L@ w C M l s e f n --since: --porcelain --date: --show-email"),
    "shortlog": Reads("s n e --summary --numbered --email --all --since:"),
    "branch": Reads(_LISTS + " --show-current --merged? --no-merged?"
                    " --contains: --points-at:", most=0),
    "tag": Reads(_LISTS + " --contains: --points-at: --merged?", most=0),
    "reflog": Reads("n: -N --all --oneline", most=0),
    "rev-parse": Reads("--show-toplevel --abbrev-ref? --short? --verify --git-dir q"
                       " --is-inside-work-tree --show-prefix --symbolic-full-name"),
    "rev-list": Reads("--count --objects" + _WALK),
    "ls-files": Reads("c d m o s u t --cached --deleted --modified --others --stage"
                      " --exclude-standard --full-name --error-unmatch"),
    "ls-tree": Reads("r d t l z --name-only --full-tree --long"),
    "cat-file": Reads("t s e p", 1),
    "describe": Reads("--tags --all --long --always --abbrev: --match: --exact-match"),
    "merge-base": Reads("a --all --is-ancestor --fork-point"),
    "show-ref": Reads("--heads --tags --verify s"),
    "for-each-ref": Reads("--format: --sort: --count:"),
    "check-ignore": Reads("v n q"), "count-objects": Reads("v H", most=0),
    "grep": Reads("niwvclLhHEFPoIW A: B: C: e: --line-number --count --ignore-case"
                  " --word-regexp --files-with-matches --fixed-strings --cached"
                  " --extended-regexp --heading --break --color? --no-color",
                  texts=1, text_options="-e"),
    "stash list": Reads("--oneline", most=0), "stash show": Reads("p --stat", most=1),
    "remote -v": _NOTHING, "remote": _NOTHING, "worktree list": _NOTHING,
    "remote get-url": Reads("", 1, 1),
    "branch --list": Reads("a r v", texts=1, script=r"[\w./*-]+"),
    "tag -l": Reads("n", texts=1, script=r"[\w./*-]+"),
    "config --get": Reads("", 1, 1, 1, r"user\.(?:name|email)|init\.defaultBranch"
                          r"|remote\.\w+\.url|branch\.[\w/-]+\.\w+|core\.\w+"),
}  # fmt: skip


def _git_paths(words: list[Word], places: Places) -> tuple[Word, ...]:
    """The words of a git call that may be paths; so may revisions, in parts:
    ``HEAD:.env`` shows a file."""
    check_repository(places.here, places.workspace)
    rest = words[1:] if words and words[0].text == "--no-pager" else words
    name = rest[0].text if rest else ""
    spec, rest = _GIT.get(name), rest[1:]
    if rest and (second := _GIT.get(f"{name} {rest[0].text}")):
        spec, rest = second, rest[1:]
    if spec is None:
        raise Unclear(name[:20] or "no command")
    if any("%G" in word.text for word in rest):
        raise Unclear("a signature, which another program checks")
    if name == "grep" and tracks_secret(places.here):
        raise Unclear("a search through a file that holds secrets")
    _, paths = _read(spec, rest)
    if any(set(word.text) & set("*?[") or word.text[:1] == ":" for word in paths):
        raise Unclear("a pattern of paths")
    parts = [part for word in paths for part in word.text.split(":") if part]
    return tuple(Word(part) for part in parts)
