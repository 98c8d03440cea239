r"""The programs that surely only read: a table, and how a command is matched with it.

A row is ``names ; words ; options``. Names: ``a|b`` are alternatives; the longest that
begin a command count (``git stash list``). Words: ``path``; ``glob``, whose ``*`` may
come first, since no name can become an option that does more than read; ``rev``, a path
or a revision; or what must match as a whole in ``_TEXTS``; ``?``, ``*``, ``+`` say how
many. Options: letters as for getopt (``abn:``), ``-N`` for a number, ``--long``,
``--long:`` with a value, ``--long?`` with a value after ``=`` only.

An option is listed if it only changes what is read and printed; by the manuals of GNU
coreutils 9, grep 3, findutils 4, ripgrep 14 and git 2.39. One whose value may be left
out must not have a ``:``, which would hide a path.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from getopt import GetoptError, getopt, gnu_getopt
from typing import TYPE_CHECKING, Final, NamedTuple

from openhands_tiered_router.guards.confirm.paths import (
    Word,
    check_repository,
    is_secret,
    may_match_secret,
)
from openhands_tiered_router.guards.confirm.verdict import Unclear


if TYPE_CHECKING:
    from openhands_tiered_router.guards.confirm.paths import Places

_TABLE: Final = r"""
ls ; glob* ; 1ABCFGHNQRSUXZabcdfghiklmnopqrstuvxI: --color? --all --time-style? --sort?
cat ; glob* ; AbeEnstTuv
head|tail ; glob* ; qvn:c: --lines: --bytes: -N
wc ; glob* ; clmLw --lines --words --bytes --chars
file ; glob+ ; bhiL --brief --mime --mime-type
stat ; glob+ ; Ltc: --format? --printf?
du ; glob* ; abcDhHkmsSxd: --max-depth? --exclude? --apparent-size
df ; ; ahHiklmPT
tac ; path* ; brs:
rev ; path* ;
nl ; path* ; b:n:w:s:v:i:p
fold ; path* ; bsw:
column ; path* ; txs:c:o:
sort ; path* ; bdfghinMRrVuscCk:t: --unique --reverse --key? --numeric-sort
uniq ; path? ; cdDuizf:s:w: --count --repeated --unique
cut ; path* ; szb:c:d:f: --delimiter? --fields? --complement
tr ; ANY+ ; cCdst
paste ; path* ; szd:
comm ; path path ; 123
join ; path path ; it:j:1:2:o:a:v:
diff ; path path ; abBcdeEiNpqrsuwyC:U:x: --brief --recursive --unified? --color?
cmp ; path path ; bls
grep|egrep|fgrep ; ANY glob* ; abcEFGhHilLnoPqrsTUvwxyzIA:B:C:m:e: -N --color?
   --include: --exclude: --exclude-dir: --recursive --line-number --ignore-case --count
   --files-with-matches --only-matching --word-regexp --context? --max-count?
rg ; ANY path* ; cFiIlnNopPqsSvwxHA:B:C:e:g:m:t:T:M: --type: --glob: --iglob: --hidden
   --max-depth: --line-number --no-line-number --ignore-case --files-with-matches
   --fixed-strings --count --no-heading --color: --context: --sort: --multiline --json
rg --files ; path* ; g:t: --type: --glob: --hidden
fd ; ANY? path* ; HIsapFgid:t:E: --hidden --type: --extension: --max-depth:
find ; path* ; -name: -iname: -path: -ipath: -type: -size: -mtime: -mmin: -maxdepth:
   -mindepth: -regex: -iregex: -perm: -user: -group: -newer: -printf: -print -print0 -ls
   -prune -empty -not -a -o -and -or -xdev -readable -executable -writable -quit
tree ; path* ; adfhsiDptrQL:I:P: --dirsfirst --gitignore --noreport --prune
basename|dirname ; ANY+ ; azs:
realpath|readlink ; path+ ; femnsz
md5sum|sha1sum|sha256sum|cksum ; path* ; bt
od ; path* ; bcdosxvA:j:N:t:
hexdump ; path* ; bcCdovxn:s:
xxd ; path? ; -b -p -ps -u -c: -g: -l: -s:
strings ; path* ; afn:t:
seq ; NUMBER NUMBER? NUMBER? ; w
printf ; FORMAT ANY* ;
true|false|whoami|groups|arch|nproc|clear ; ;
pwd|id|uname|uptime|free ; ; aghmnoprsuvGLP
hostname ; ; fis
sleep ; NUMBER ;
date ; DATE? ; uIR --utc --iso-8601?
ps ; PS? ; efA
which|type ; NAME+ ; a
command -v|-V ; NAME+ ;
sed ; SED path* ; nErsue: --quiet --expression:
awk ; AWK path* ; F:
jq ; JQ path* ; cCeMnrsS --raw-output --compact-output
test -e|-f|-d|-r|-w|-x|-s|-L ; path ;
test -n|-z ; ANY ;
cd ; path ;
python|python3|npm|pip|pip3|docker|cargo|rustc|cmake|node --version|-V|-v ; ;
make|perl|ruby|bash|gcc|uv|java|git --version ; ;
make|perl -v ; ;
java -version ; ;
go|git version ; ;
pip|pip3 list ; ; --format?
pip|pip3 show ; NAME+ ; f
git status ; rev* ; sbvu --short --branch --porcelain? --ignored? --untracked-files?
git log|show ; rev* ; <shown> n:iL:EF --max-count? --skip? --since? --after? --until?
   --before? --author? --grep? --all --branches? --tags? --remotes? --merges --no-merges
   --reverse --follow --first-parent --date-order
git diff ; rev* ; <shown> --cached --staged --merge-base --check
git blame ; rev* ; L:wCMlsefn --since? --porcelain --date?
git shortlog ; rev* ; sne --summary --numbered --email --all --since?
git branch ; ; arvl --all --remotes --list --sort? --format? --color? --show-current
   --merged? --no-merged? --contains: --verbose
git tag ; ; ln --list --sort? --format? --contains: --points-at: --merged?
git branch --list ; LIKE* ; arv
git tag --list|-l ; LIKE* ; n
git reflog ; ; n: -N --all
git rev-parse ; rev* ; q --show-toplevel --abbrev-ref? --short? --verify --git-dir
   --is-inside-work-tree --show-prefix
git rev-list ; rev* ; n: -N --count --max-count? --all --since? --author? --no-merges
git ls-files ; rev* ; cdmosut --cached --deleted --modified --others --exclude-standard
git ls-tree ; rev* ; rdtlz --name-only --full-tree --long
git cat-file ; rev+ ; tsep
git describe ; rev* ; --tags --all --long --always --abbrev? --match? --exact-match
git merge-base|check-ignore|show-ref ; rev* ; avnqs --all --is-ancestor --heads --tags
git for-each-ref ; rev* ; --format? --sort? --count?
git grep ; ANY rev* ; niwvclLhHEFPoIWA:B:C:e: --line-number --count --ignore-case
git remote|count-objects ; ; v
git stash|worktree list ; ;
git stash show ; rev? ; p --stat
git remote get-url ; NAME ;
git config --get ; SETTING ;
""".replace(
    "<shown>",
    "puCUwsMbS:G: -N --oneline --pretty? --format? --abbrev-commit --graph --decorate?"
    " --no-decorate --color? --no-color --patch --no-patch --date? --unified? --stat?"
    " --numstat --shortstat --summary --name-only --name-status --ignore-all-space"
    " --word-diff? --diff-filter? --no-ext-diff --no-textconv --exit-code --quiet",
)
_AT: Final = r"(?:\d+|\$|/(?:[^/\\]|\\[^\n])+/)"
_SHOWN: Final = rf"(?:{_AT}(?:,(?:{_AT}|\+\d+))?)? *[pdq=]"
_FIELD: Final = r"(?:\$(?:\d+|NF)|N[RF]|FNR|\"[^\"\\$`|<>]*\")"
_TESTED: Final = r"(?:N[RF]|\$\d+) *[<>=!]=? *(?:\d+|\"[\w ]*\")"
_WHERE: Final = rf"(?:{_TESTED}(?: *(?:&&|\|\|) *{_TESTED})*|/(?:[^/\\]|\\.)+/)"
_PRINT: Final = rf"\{{ *print(?: +{_FIELD}(?: *(?:, *)?{_FIELD})*)? *;? *\}}"
_SUM: Final = r"\{ *([a-z]+) *\+= *\$(?:\d+|NF) *;? *\} *END *\{ *print +\1 *\}"
_STEP: Final = r"(?:\.|(?:\.[A-Za-z_]\w*|\.?\[\d*\]|\.\"[\w/@.-]+\")+|keys|length|type)"
_TEXTS: Final = {
    "ANY": ".*",
    "SED": rf"s/(?:[^/\\]|\\.)*/(?:[^/\\]|\\.)*/[gIip\d]*|{_SHOWN}(?: *; *{_SHOWN})*;?",
    "AWK": rf" *(?:{_WHERE} *(?:{_PRINT})?|{_PRINT}|(?:{_WHERE})? *{_SUM}) *",
    "JQ": rf" *{_STEP}(?: *\| *{_STEP})* *",
    "FORMAT": r"(?:[A-Za-z0-9 ,.:;_+=/-]|\\[nt]|%[sd%])*",
    "NAME": r"[A-Za-z0-9_.+-]+",
    "NUMBER": r"\d{1,3}(?:\.\d+)?",
    "DATE": r"\+.*",
    "PS": "aux|ax",
    "LIKE": r"[\w./*-]+",
    "SETTING": r"user\.(?:name|email)|init\.\w+|(?:remote|branch|core)\.[\w./-]+",
}
_SWEEP: Final = (("rg",), ("diff",), ("git", "grep"))
"""They read all files below a directory, as grep does with ``-r``."""
_FILTERS: Final = {"--include", "--glob", "--iglob", "-g"}
_GIVES_TEXT: Final = {"-e", "--expression"}
"""Options in place of the first word, where they have a value."""
_GIVES_PATH: Final = {"-L", "--newer"}
_TOOLCHAINS: Final = {
    "go": ("go.mod", "go.work"),
    **dict.fromkeys(("cargo", "rustc"), ("rust-toolchain", "rust-toolchain.toml")),
}
"""Files by which a directory chooses the program that is run."""


class Row(NamedTuple):
    """How a program may be called to do nothing but read and print."""

    kinds: list[str]
    least: int
    most: int
    short: str
    long: dict[str, str]


def _rows() -> Iterator[tuple[tuple[str, ...], Row]]:
    for line in re.sub(r"\n +", " ", _TABLE).strip().splitlines():
        names, words, options = (part.split() for part in line.split(";"))
        short = "".join(o for o in options if o[0] != "-")
        short += "0123456789" if "-N" in options else ""
        long = {o.rstrip(":?"): o[-1] for o in options if o[0] == "-" and o != "-N"}
        kinds = [word.rstrip("?*+") for word in words]
        least = sum(word[-1] not in "?*" for word in words)
        most = 1_000 if words and words[-1][-1] in "*+" else len(words)
        for key in itertools.product(*(part.split("|") for part in names)):
            yield key, Row(kinds, least, most, short, long)


ROWS: Final = dict(_rows())


def read_paths(words: Sequence[Word], places: Places) -> list[Word]:
    """The words of a command that are paths, if it surely only reads.

    Raises:
        Unclear: The program, or one of its words, is not known.
    """
    if words[0] == "echo":  # prints whatever it is given; its globs are names
        return [word for word in words if word.glob]
    if words[0] == "[" and words[-1] == "]":
        words = [Word("test"), *words[1:-1]]
    if tuple(words[:2]) in (("test", "!"), ("git", "--no-pager")):
        words = [words[0], *words[2:]]
    key = next((k for n in (3, 2, 1) if (k := tuple(words[:n])) in ROWS), ())
    try:
        if not key or any(word.number for word in words):
            raise Unclear("not known to only read")
        for file in _TOOLCHAINS.get(key[0], ()):
            if any(os.path.lexists(os.path.join(at, file)) for at in places.above()):
                raise Unclear(f"{file} may choose another program")
        if key[0] == "git":
            check_repository(places)
            if any("%G" in word or "%(sig" in word for word in words):
                raise Unclear("a signature, which another program checks")
        given, paths = _read(ROWS[key], words[len(key) :])
        recursive = given & {"-r", "--recursive"} and "--include" not in given
        if key in _SWEEP or (key[0].endswith("grep") and recursive):
            _check_search(key[0], given, paths, places)
        return paths
    except (Unclear, GetoptError) as error:
        raise Unclear(f"{' '.join(key or words[:1])[:20]}: {str(error)[:60]}") from None


def _check_search(
    name: str, given: set[str], paths: Sequence[Word], places: Places
) -> None:
    """A search through a directory reads the secrets in it, too."""
    # A glob of ripgrep's takes hidden files in.
    hidden = name != "rg" or bool(given & {"--hidden", *_FILTERS})
    tops = [Word(places.workspace)] if name == "git" else paths or [Word(".")]
    for top in [path for word in tops for path in places.expanded(word)]:
        if places.holds_secret(top, hidden=hidden, follows=name == "diff"):
            raise Unclear("a search through a file that holds secrets")


def _read(row: Row, words: Sequence[Word]) -> tuple[set[str], list[Word]]:
    """The options and the paths of a command."""
    # In the rows of find and xxd long options have one dash; getopt knows two.
    dash = "-" * any(name[1] != "-" for name in row.long)
    end = words.index("--") if "--" in words and not dash else len(words)
    left: list[str] = []
    for word in words[:end]:
        name, equals, _ = word.partition("=")
        if word[:1] != "-" or word == "-" or (dash and re.match(r"-\d", word)):
            left.append(word)
            continue
        if word.glob and not (equals and name in row.long):
            raise Unclear("a glob that may become an option")
        if (dash or word[:2] == "--") and name not in row.long:
            raise Unclear(f"option {name}")  # getopt would take its beginning
        left.append(dash + (name if row.long.get(name) == "?" else word))
    long = [name.lstrip("-") + "=" * (kind == ":") for name, kind in row.long.items()]
    options, positional = gnu_getopt([*left, *words[end:]], row.short, long)
    kinds, least, most, *_ = row
    found: list[tuple[str, str]] = []
    # Not every program looks for options behind its words: awk and the BSDs' take them
    # for files, and so the values of options.
    early, behind = getopt(left, row.short, long)
    late = [] if dash else options[len(early) :]
    if row.kinds == ["path"] and most == 1 and any(w[:1] == "-" for w in behind):
        raise Unclear("an option that may be the name of a file to write")
    if row.kinds[:1] == ["SED"] and _GIVES_TEXT & {option for option, _ in late}:
        raise Unclear("a word that may be the script")
    for option, value in options:
        if getattr(value, "glob", False):
            raise Unclear(f"a glob as the value of {option}")
        if option in _GIVES_TEXT and "e:" in row.short:
            found.append((row.kinds[0], value))
            kinds, least, most = row.kinds[1:], row.least - 1, row.most - 1
        elif option in _GIVES_PATH and value:
            found.append(("rev", value))
        elif option in _FILTERS:
            _check_filter(value)
    if not least <= len(positional) <= most:
        raise Unclear("its number of words")
    found += zip([*kinds, *kinds[-1:] * len(positional)], positional, strict=False)
    paths = [value for _, value in late if isinstance(value, Word)]
    paths += [path for kind, word in found for path in _paths(kind, word, row)]
    return {option for option, _ in options}, paths


def _paths(kind: str, word: str, row: Row) -> list[Word]:
    """The paths in a word, which must be of that kind."""
    word = word if isinstance(word, Word) else Word(word)
    if word[:1] == "-" and word != "-":
        raise Unclear("a word like an option")
    if kind in _TEXTS:
        if word.glob or not re.fullmatch(_TEXTS[kind], word):
            raise Unclear("its text")
        return []
    if kind == "rev":  # or parts of it: ``HEAD:.env`` shows a file
        if set(word) & set("*?[") or word[:1] == ":":
            raise Unclear("a pattern of paths")
        return [Word(part) for part in word.split(":") if part]
    if word.glob and (row.most < 9 or (word[0] in "*?" and kind != "glob")):
        raise Unclear("a glob that may become an option")
    return [word]


def _check_filter(pattern: str) -> None:
    """One that is meant for secrets, or lets them through, asks."""
    name = pattern.lstrip("!")
    if not name.strip("*.?/") or is_secret(name) or may_match_secret(name, dots=True):
        raise Unclear("a search for files that hold secrets")
