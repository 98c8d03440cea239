"""Definitions as they are read: names, headers, results, and the comments above."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.arguments import parameters_of, result_of
from openhands_tiered_router.graph.languages import Language
from openhands_tiered_router.graph.model import (
    DEFINES_MACRO,
    TRAIT,
    Definition,
    NodeKind,
)


if TYPE_CHECKING:
    from tree_sitter import Node

TEXT_LIMIT: Final = 240
"""Characters kept of a signature or a docstring's first line."""
LOOK_BACK: Final = 4_000
"""Bytes read above a definition."""

_LINE: Final = ("///", "//!", "//", "#", "--", ";;")
_ATTRIBUTE: Final = ("#[", "@", "[")
_MARKED: Final = {"macro_definition": DEFINES_MACRO, "trait_item": TRAIT}


@dataclass(slots=True)
class Draft:
    """A definition whose parts are still coming in."""

    node: "Node"
    kind: NodeKind
    parent: int
    name: str = ""
    docstring: str = ""
    returns: str = ""


@dataclass(slots=True)
class Finisher:
    """Makes definitions of the drafts of one file."""

    source: bytes
    language: Language
    is_test: bool

    def finished(
        self, drafts: list[Draft], decisions: list[int]
    ) -> tuple[Definition, ...]:
        """Return the definitions: qualified names, headers, doc comments.

        Args:
            drafts: In the order of the file, so that what is around comes first.
            decisions: The decision points of each.
        """
        bases: list[str] = []
        seen: dict[str, int] = {}
        done: list[Definition] = []
        for draft, branches in zip(drafts, decisions, strict=True):
            name = draft.name or "anonymous"
            header = self._header(draft.node)
            owner = self._owner(draft, header, bases)
            base = f"{owner}.{name}" if owner else name
            bases.append(base)
            count = seen[base] = seen.get(base, -1) + 1
            comment, marked = self._comment(draft)
            done.append(
                Definition(
                    name=name,
                    qualname=f"{base}#{count}" if count else base,
                    kind=draft.kind,
                    parent=draft.parent,
                    start_line=draft.node.start_point[0] + 1,
                    end_line=draft.node.end_point[0] + 1,
                    complexity=1 + branches,
                    signature=header,
                    docstring=draft.docstring or comment,
                    is_test=self._tests(draft, name, header, marked),
                    returns=self._result(draft, header),
                    parameters=self._parameters(draft),
                    has_body=not draft.node.type.endswith("_signature"),
                )
            )
        return tuple(done)

    def _result(self, draft: Draft, header: str) -> str:
        if draft.node.type in _MARKED:
            return _MARKED[draft.node.type]
        return result_of(header, draft.returns)

    def _parameters(self, draft: Draft) -> tuple[str, ...] | None:
        if draft.kind != NodeKind.FUNCTION or not self.language.overloads:
            return None
        return parameters_of(self.source, draft.node)

    def _owner(self, draft: Draft, header: str, bases: list[str]) -> str:
        """Return the qualified name that a definition's own is appended to."""
        if draft.parent >= 0:
            return bases[draft.parent]
        finder = self.language.receiver_types
        match = finder.match(header) if finder and draft.kind == "function" else None
        return match[1] if match else ""

    def _header(self, node: "Node") -> str:
        """Return what precedes the body, in one line."""
        start = node.start_byte
        body = node.child_by_field_name("body")
        end = body.start_byte if body else self.source.find(b"\n", start)
        limit = start + 2 * TEXT_LIMIT
        end = min(end if end >= 0 else limit, limit, node.end_byte)
        words = self.source[start:end].decode("utf-8", "replace").split()
        return " ".join(words).strip(" {")[:TEXT_LIMIT]

    def _comment(self, draft: Draft) -> tuple[str, str]:
        """Return the doc comment's first line, and the attribute lines above."""
        if draft.docstring and self.language.test_marker is None:
            return "", ""
        comment, attributes = _comment_before(self.source, draft.node.start_byte)
        return comment[:TEXT_LIMIT], attributes

    def _tests(self, draft: Draft, name: str, header: str, marked: str) -> bool:
        if draft.kind != NodeKind.FUNCTION:
            return False
        marker, pattern = self.language.test_marker, self.language.test_name
        if marker and marker.search(f"{marked} {header}"):
            return True
        return bool(self.is_test and pattern and pattern.match(name))


def _comment_before(source: bytes, start: int) -> tuple[str, str]:
    """Return (first line of the comment, attribute lines) above byte `start`.

    Attributes, annotations and decorators may come between the two. A comment
    counts only where no blank line parts it from the definition.
    """
    line_start = source.rfind(b"\n", 0, start) + 1
    if line_start == 0:
        return "", ""
    above = source[max(0, line_start - LOOK_BACK) : line_start - 1]
    attributes: list[str] = []
    comment = ""
    while above:
        cut = above.rfind(b"\n")
        line = above[cut + 1 :].decode("utf-8", "replace").strip()
        if line.startswith(_ATTRIBUTE):
            attributes.append(line)
        elif line.endswith("*/"):
            return _block(above.decode("utf-8", "replace")), " ".join(attributes)
        elif line.startswith(_LINE):
            comment = _plain(line) or comment
        else:
            break
        above = above[:cut] if cut >= 0 else b""
    return comment, " ".join(attributes)


def _block(above: str) -> str:
    """Return the first line with words of the ``/* */`` that ends here."""
    text = above[above.rfind("/*") + 2 :].rstrip()[:-2]
    lines = (line.strip().strip("*").strip() for line in text.splitlines())
    return next((line for line in lines if line), "")


def _plain(line: str) -> str:
    return line.lstrip("/#!-;").strip()
