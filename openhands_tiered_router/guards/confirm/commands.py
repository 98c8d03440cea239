"""The commands that are known to only read, with the options for which that holds.

Options were taken from the manuals of GNU coreutils 9, grep 3, findutils 4 and ripgrep
14. Where BSD's option of the same letter does more, it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from openhands_tiered_router.guards.confirm.git import git_paths
from openhands_tiered_router.guards.confirm.options import ALL, Arguments, Reads, reads
from openhands_tiered_router.guards.confirm.programs import (
    awk_only_prints,
    find_paths,
    jq_only_selects,
    sed_only_prints,
    test_paths,
)
from openhands_tiered_router.guards.confirm.words import Unclear, Word


def _texts(condition: Callable[[str], object]) -> Callable[[Arguments], bool]:
    return lambda arguments: all(condition(text.text) for text in arguments.texts)


_PS: Final = frozenset({"aux", "ax"})
"""Without a dash, ``e`` shows every process's environment."""
_COUNTS: Final = re.compile(r"%[^a-zA-Z%]*n")
"""The conversion of bash's ``printf`` that sets a variable."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.+-]+")
_SHOW: Final = reads("v V", texts=ALL, least=1, check=_texts(_NAME.fullmatch))
_NOTHING: Final = reads(most=0)
_VERSION: Final = reads("--version V", most=0)
_DIGEST: Final = reads("b t --tag")
_GREP: Final = reads(
    "abcEFGhHilLnoPqrsTUvwxyzI A: B: C: m: e: f@ --color? --include: --exclude:"
    " --exclude-dir: --recursive --line-number --ignore-case --count --only-matching"
    " --files-with-matches --files-without-match --word-regexp --invert-match --text"
    " --fixed-strings --extended-regexp --perl-regexp --max-count: --context:"
    " --after-context: --before-context: --no-filename --with-filename --regexp:"
    " --no-messages --quiet",
    number=True,
    texts=1,
    least=0,
    texts_given_by=frozenset({"-e", "-f", "--regexp"}),
    any_glob=True,
)

_READS: Final[dict[str, Reads]] = {
    "ls": reads(
        "1ABCFGHNQRSTUXZabcdfghiklmnopqrstuvwx --color? --all --almost-all --recursive"
        " --human-readable --group-directories-first --full-time --sort: --time-style:"
        " --directory --size --reverse --inode --classify --hide: --ignore: I:",
        any_glob=True,
    ),
    "cat": reads("AbeEnstTuv --number --show-all", any_glob=True),
    "head": reads("qv n: c: --lines: --bytes: --quiet", number=True, any_glob=True),
    "tail": reads("qv n: c: --lines: --bytes: --quiet", number=True),
    "nl": reads("b: n: w: s: v: i: p"),
    "wc": reads("clmLw --lines --words --bytes --chars", any_glob=True),
    "sort": reads("bdfghinMRrVuscC k: t: --unique --reverse --key: --numeric-sort"),
    "uniq": reads("cdDuiz f: s: w: --count --repeated --unique", most=1),
    "cut": reads("sz b: c: d: f: --delimiter: --fields: --complement"),
    "tr": reads("cCdst", texts=ALL),
    "comm": reads("123"),
    "diff": reads(
        "abBcdeEiNpqrsuwy C: U: x: --brief --recursive --unified? --color? --new-file"
        " --side-by-side --ignore-all-space --ignore-blank-lines --exclude:"
    ),
    "cmp": reads("bls n:"),
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "rg": reads(
        "acFHiIlnNopPqsSuUvwx A: B: C: e: g: m: t: T: M: d: --hidden --no-ignore"
        " --files --type: --type-not: --glob: --iglob: --max-depth: --max-count:"
        " --line-number --no-line-number --ignore-case --smart-case --fixed-strings"
        " --files-with-matches --files-without-match --count --count-matches --heading"
        " --no-heading --color: --context: --only-matching --sort: --type-list"
        " --word-regexp --multiline --invert-match --with-filename --no-filename"
        " --regexp: --stats --trim --vimgrep --no-messages --max-columns: --json",
        texts=1,
        texts_given_by=frozenset({"-e", "--regexp", "--files", "--type-list"}),
    ),
    "fd": reads(
        "HIsapFgi e: d: t: E: --hidden --no-ignore --type: --extension: --max-depth:",
        texts=1,
    ),
    "tree": reads("adfhsiDptrQ L: I: P: --dirsfirst --gitignore --noreport --prune"),
    "file": reads("bhiL --brief --mime --mime-type"),
    "stat": reads("Lt c: --format: --printf:"),
    "du": reads("abcDhHkmsSx d: --max-depth: --exclude: --apparent-size --si"),
    "df": reads("ahHiklmPT"),
    "basename": reads("az s:", texts=ALL),
    "dirname": reads("z", texts=ALL),
    "realpath": reads("emsz"),
    "readlink": reads("femnz"),
    "md5sum": _DIGEST,
    "sha1sum": _DIGEST,
    "sha256sum": _DIGEST,
    "cksum": _DIGEST,
    "od": reads("bcdosxv A: j: N: t: w:"),
    "hexdump": reads("bcCdovx n: s:"),
    "xxd": reads("bpu c: g: l: s:", most=1),
    "strings": reads("af n: t:"),
    "column": reads("tx s: c: o:"),
    "fold": reads("bs w:"),
    "rev": reads(),
    "tac": reads("b r s:"),
    "seq": reads("w s: f:", texts=ALL),
    "paste": reads("sz d:"),
    "join": reads("i t: j: 1: 2: o: a: v: e:"),
    "echo": reads(texts=ALL, shows_variables=True, any_glob=True, only_prints=True),
    "printf": reads(
        texts=ALL,
        least=1,
        shows_variables=True,
        check=_texts(lambda text: not _COUNTS.search(text)),
    ),
    "true": _NOTHING,
    "false": _NOTHING,
    "pwd": reads("LP", most=0),
    "whoami": _NOTHING,
    "id": reads("Ggnru", most=0),
    "groups": _NOTHING,
    "uname": reads("amnoprsv", most=0),
    "arch": _NOTHING,
    "nproc": reads("--all", most=0),
    "uptime": reads("ps", most=0),
    "free": reads("bghkmt", most=0),
    "hostname": reads("fis", most=0),
    "date": reads(
        "uIR d: --date: --utc --iso-8601? --rfc-3339:",
        texts=1,
        most=1,
        check=_texts(lambda text: text.startswith("+")),
    ),
    "ps": reads("efA", texts=1, most=1, check=_texts(_PS.__contains__)),
    "which": reads("a", texts=ALL, check=_texts(_NAME.fullmatch)),
    "type": reads("apPt", texts=ALL, check=_texts(_NAME.fullmatch)),
    "sed": reads(
        "nErsuz e: --quiet --silent --regexp-extended --expression:",
        texts=1,
        texts_given_by=frozenset({"-e", "--expression"}),
        check=sed_only_prints,
    ),
    "awk": reads("F:", texts=1, least=1, check=awk_only_prints),
    "jq": reads(
        "cCeMnrRsS --raw-output --compact-output --slurp --sort-keys --tab",
        texts=1,
        least=1,
        check=jq_only_selects,
    ),
    "cd": reads("LP", least=1, most=1, check=lambda a: a.paths[0].text != "-"),
    "python": _VERSION,
    "python3": _VERSION,
    "node": reads("v --version", most=0),
    "gcc": reads("v --version", most=0),
}
_BY_HAND: Final[dict[str, Callable[[Sequence[Word]], tuple[Word, ...]]]] = {
    "git": git_paths,
    "find": find_paths,
    "test": test_paths,
}


def command_paths(name: str, words: Sequence[Word]) -> tuple[Word, ...]:
    """The words of a command that are paths, if it only reads.

    Args:
        name: What stands first, without quotes.
        words: What follows.

    Raises:
        Unclear: The command, or one of its words, is not known to be harmless.
    """
    if name in _BY_HAND:
        return _BY_HAND[name](words)
    if name == "command":
        if not words or words[0].text not in ("-v", "-V"):
            raise Unclear("command")
        _SHOW.read(words)
        return ()
    spec = _READS.get(name)
    if spec is None:
        raise Unclear(name[:40])
    try:
        return spec.read(words).paths
    except Unclear as error:
        raise Unclear(f"{name}: {error}") from None
