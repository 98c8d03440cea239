"""Whether a shell command only reads: parsed with tree-sitter, never by substring."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.guards.confirm.commands import command_paths
from openhands_tiered_router.guards.confirm.paths import Place, Places, is_secret
from openhands_tiered_router.guards.confirm.programs import test_paths
from openhands_tiered_router.guards.confirm.verdict import Level, Verdict
from openhands_tiered_router.guards.confirm.words import Unclear, Word, read_word


if TYPE_CHECKING:
    from tree_sitter import Language, Node


LONGEST: Final = 4_000
"""Characters beyond which a command is not read: parsing must stay below 1 ms, and
what a person would not read at a glance is not known to be safe."""

_WORDS: Final = frozenset(
    {"word", "number", "concatenation", "string", "raw_string", "simple_expansion"}
)
_STATEMENTS: Final = frozenset({"program", "list", "pipeline", "subshell"})
_JOINS: Final = frozenset({"&&", "||", "|", ";", "\n", "(", ")", "!"})
_BLANK: Final = re.compile(r"(?: |(?<=[ \n])\\\n)+")
_BETWEEN: Final = re.compile(r"(?:[ \n]|(?<=[ \n])\\\n)*")
_LINE_END: Final = re.compile(r"(?<!\\)\n")
_SILENT: Final = frozenset({">/dev/null", "2>/dev/null", "1>/dev/null", "&>/dev/null"})
_JOINED_STREAMS: Final = frozenset({"2>&1", "1>&2", ">&2"})
_ASSIGNED: Final = re.compile(
    r"(?:(?:LC_[A-Z]+|LANG)=(?:C|POSIX|C\.UTF-8|en_US\.UTF-8)|(?:GIT_)?PAGER=cat"
    r"|NO_COLOR=1|TERM=dumb|GIT_OPTIONAL_LOCKS=0|GIT_TERMINAL_PROMPT=0)"
)
_OUTPUTS: Final = frozenset({">", ">>", ">|", "&>", "&>>", ">&"})
_PIECES: Final = re.compile(r"[=:@,]+")


def judge_command(
    command: str, places: Places, trusted: Sequence[tuple[str, ...]] = ()
) -> Verdict:
    """What a command line for bash may do.

    Args:
        command: As the terminal tool gets it; may have several lines.
        places: Where it runs, and what it may read.
        trusted: Beginnings of commands that the user trusts, word by word:
            ``("pytest",)``, ``("npm", "test")``.

    Returns:
        ``LOW`` if each of its commands only reads inside the workspace, or is trusted;
        ``HIGH`` if it names a secret file or writes outside the workspace; else
        ``MEDIUM``. Reading a command is sure one way only: what is ``LOW`` only reads.
    """
    if len(command) > LONGEST:
        return Verdict(Level.MEDIUM, f"longer than {LONGEST} characters")
    if os.name != "posix":
        return Verdict(Level.MEDIUM, "another shell than bash")
    if "\t" in command or "\r" in command or "\0" in command:
        return Verdict(Level.MEDIUM, "a tab or another control character")
    try:
        source = command.encode()
    except UnicodeEncodeError:
        return Verdict(Level.MEDIUM, "not text")
    root = _parse(source)
    try:
        if root.has_error:
            raise Unclear("not a complete command")
        _Reading(source, trusted, places).statements(root)
    except Unclear as error:
        danger = _danger(root, places)
        return danger or Verdict(Level.MEDIUM, f"not known to only read: {error}")
    return Verdict(Level.LOW, "only reads")


def first_words(command: str) -> tuple[str, ...] | None:
    """The words of a simple command; ``None`` if it is anything else."""
    root = _parse(command.encode())
    nodes = root.named_children
    if root.has_error or len(nodes) != 1 or nodes[0].type != "command":
        return None
    try:
        words = [read_word(_text(n)) for n in _word_nodes(nodes[0].children)]
    except Unclear:
        return None
    known = not any(w.glob or w.expands for w in words) and root.child_count == 1
    return tuple(w.text for w in words) if known and words else None


@lru_cache(maxsize=1)
def _language() -> Language:
    """Late, since it takes a native library."""
    import tree_sitter_bash
    from tree_sitter import Language

    return Language(tree_sitter_bash.language())


def _parse(source: bytes) -> Node:
    # A parser of its own for each call: one may not be shared between threads.
    from tree_sitter import Parser

    return Parser(_language()).parse(source).root_node


def _text(node: Node) -> str:
    return (node.text or b"").decode()


class _Reading:
    """One walk over a command line, in the order in which it runs."""

    def __init__(
        self, source: bytes, trusted: Sequence[tuple[str, ...]], places: Places
    ) -> None:
        self._source = source
        self._trusted = trusted
        self._places = places

    def statements(self, node: Node) -> None:
        """Every part of a list, pipeline, subshell or script."""
        at, joined = node.start_byte if node.parent else 0, True
        for child in node.children:
            gap = self._source[at : child.start_byte].decode()
            if not _BETWEEN.fullmatch(gap):
                raise Unclear("something between its commands")
            joined = joined or bool(_LINE_END.search(gap))
            if not child.is_named:
                if child.type not in _JOINS:
                    raise Unclear(f"{child.type!r} between its commands")
                joined = True
            elif child.type != "comment":
                if not joined:
                    raise Unclear("two commands without a separator")
                self._statement(child)
                joined = False
            at = child.end_byte
        end = self._source[at : node.end_byte if node.parent else None].decode()
        if not _BETWEEN.fullmatch(end):
            raise Unclear("something after its commands")

    def _statement(self, node: Node) -> None:
        if node.type in _STATEMENTS or node.type == "negated_command":
            self.statements(node)
        elif node.type == "redirected_statement":
            self._redirected(node)
        elif node.type == "command":
            self._command(node)
        elif node.type == "test_command":
            self._test(node)
        else:
            raise Unclear(node.type.replace("_", " "))

    def _redirected(self, node: Node) -> None:
        body, *redirects = node.children
        self._statement(body)
        self._check_gaps(node)
        for redirect in redirects:
            if redirect.type != "file_redirect":
                raise Unclear(redirect.type.replace("_", " "))
            text = _text(redirect).replace(" ", "")
            if text in _SILENT or text in _JOINED_STREAMS:
                continue
            operator, *target = redirect.children
            if operator.type != "<" or len(target) != 1:
                raise Unclear("output into a file")
            self._check_paths([read_word(_text(target[0]))])

    def _command(self, node: Node) -> None:
        assigned = [c for c in node.children if c.type == "variable_assignment"]
        for assignment in assigned:
            if not _ASSIGNED.fullmatch(_text(assignment)):
                raise Unclear("a variable that is set")
        self._check_gaps(node)
        rest = [c for c in node.children if c.type != "variable_assignment"]
        words = [read_word(_text(n)) for n in _word_nodes(rest)]
        self._judge(words, bool(assigned))

    def _check_gaps(self, node: Node) -> None:
        """Words that touch are one word for bash, whatever the parser says."""
        for left, right in pairwise(node.children):
            gap = self._source[left.end_byte : right.start_byte].decode()
            if not _BLANK.fullmatch(gap):
                raise Unclear("words that touch")

    def _judge(self, words: Sequence[Word], assigned: bool) -> None:
        name, *rest = words
        if name.glob or name.expands:
            raise Unclear("a command that is not named")
        texts = tuple(word.text for word in words)
        if not assigned and any(texts[: len(t)] == t for t in self._trusted):
            return
        paths = command_paths(name.text, rest)
        self._check_paths(paths)
        if name.text == "cd":
            self._places = self._places.moved(paths[0].text)

    def _test(self, node: Node) -> None:
        """``[ -f path ]``."""
        if len(node.children) != 3 or node.children[0].type not in ("[", "[["):
            raise Unclear("a test")
        inner = node.children[1]
        if inner.type != "unary_expression":
            raise Unclear("a test of more than one file")
        words = [read_word(_text(child)) for child in inner.children]
        self._check_paths(test_paths(words))

    def _check_paths(self, words: Sequence[Word]) -> None:
        for word in words:
            place = self._places.read(word.text, glob=word.glob)
            if place is not Place.INSIDE:
                raise Unclear(f"a path {place}")


def _word_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        inner = node.children[0] if node.type == "command_name" else node
        if inner.type not in _WORDS:
            raise Unclear(inner.type.replace("_", " "))
        yield inner


def _danger(root: Node, places: Places) -> Verdict | None:
    """What makes a command worse than unknown: secrets, and writing elsewhere."""
    pending = [root]
    while pending:
        node = pending.pop()
        pending.extend(node.children)
        if node.type in _WORDS:
            pieces = (_text(node).strip("'\""), *_PIECES.split(_text(node)))
            if any(is_secret(piece.strip("'\"")) for piece in pieces):
                return Verdict(Level.HIGH, "names a file that holds secrets")
        elif node.type == "file_redirect" and _writes_outside(node, places):
            return Verdict(Level.HIGH, "writes outside the workspace")
    return None


def _writes_outside(redirect: Node, places: Places) -> bool:
    operator = next((c.type for c in redirect.children if not c.is_named), "")
    target = redirect.children[-1]
    if operator not in _OUTPUTS or target.type not in _WORDS:
        return False
    path = _text(target).strip("'\"")
    if operator == ">&" and path.isdigit():
        return False
    return path != "/dev/null" and places.write(path) is not Place.INSIDE
