"""What the graph has to know about a language, and where its grammar is.

A language is one module of this package that defines ``LANGUAGE``; dropping such
a file in is all it takes to add one. Its query names what to look for:

===========  ==================================================================
``d.f``      a function or method, ``d.c`` a type, ``d.m`` a namespace
``n``        the name of the definition that encloses it
``c``        the name of a callee; what precedes it is read off the tree
``x``        a base type, ``t`` a type reference
``i``        an import statement (handed to the language's `imports`)
``b``        a decision point (one path more through the definition)
``nb``       takes one back: of n match arms n - 1 are decisions
``q``        a function without a name, whose decision points are its own
``v``        a variable, followed by ``vt``, its type, or ``ve``, its value
``vi``       instead of ``ve``: something that it iterates over
``vp``       a list of variables, followed by ``vc``, a call that gives a tuple
``wc``       instead of ``we``: a context manager
``we``       a value, or ``wt`` a type, followed by ``wv``, the variable bound to it
``u``        a parameter of unknown type, which hides what it is named like
``rt``       a declared return type, ``re`` a returned value
``cm``       the name of a macro that is called
``bd``       what binds names, handed to the language's `bindings`
``doc``      the text of a docstring inside a definition
===========  ==================================================================
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.languages.bound import Bound


if TYPE_CHECKING:
    from tree_sitter import Node

type ImportParts = tuple[str, str, str]
"""(module, member or "*" or "", local alias or "")"""


def whole_module(text: str) -> Iterable[ImportParts]:
    """Read an import of everything in one module: ``#include "a/b.h"``."""
    module = _KEYWORD.sub("", text.strip()).strip(" \t\r\n;()'\"<>`")
    if module:
        yield module, "*", ""


_KEYWORD: Final = re.compile(
    r"^(?:@import(?:\s+url)?|import|using|use|open|require|include)\b\s*"
)
_TEST_PATH: Final = re.compile(
    r"(?:^|/)(?:tests?|__tests__|specs?|testing)/|(?:^|/)test_|[_.-](?:test|spec)s?\.",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Language:
    """One language: how its files are known, parsed and read."""

    name: str
    extensions: tuple[str, ...]
    """With the dot, in lower case."""
    grammar: str
    """Import name of the wheel that holds the grammar."""
    query: str
    factory: str = "language"
    """Function of the grammar module that returns the grammar."""
    family: str = ""
    """Languages of one family see each other's names; default: its own name."""
    imports: Callable[[str], Iterable[ImportParts]] = whole_module
    """Read one import statement's text."""
    test_path: re.Pattern[str] = _TEST_PATH
    """Matches the path of a file of tests."""
    test_name: re.Pattern[str] | None = None
    """Matches the name of a test function (in any file)."""
    test_marker: re.Pattern[str] | None = None
    """Matches the header of a test function, the line before it included."""
    ignored_calls: frozenset[str] = field(default_factory=frozenset)
    """Callees that are syntax rather than calls."""
    receiver_types: re.Pattern[str] | None = None
    """Finds, in a method's header, the type that it belongs to (group 1)."""
    transparent: frozenset[str] = field(default_factory=frozenset)
    """Methods that give an object like their own, or the one that it wraps, where its
    type declares none of that name."""
    opening: frozenset[str] = field(default_factory=frozenset)
    """Those of them that give what their receiver holds; the others give a holder of
    the same. Empty where a type stands for its containers, too."""
    fields_apart: bool = False
    """Whether a method and a field of one type may share a name."""
    unwrap: Callable[[bytes, "Node"], bytes] | None = None
    """Blank what hides definitions from the grammar, without moving a byte."""
    bindings: Callable[[bytes, "Node"], Iterable[Bound]] | None = None
    """Read what a node captured as ``bd`` binds."""
    constraint: Callable[[str, bytes], str] | None = None
    """Read what the build of a file is restricted to, as `constraints` writes it."""
    own_members: bool = True
    """Whether a bare name can mean a member of the enclosing type."""
    global_names: bool = False
    """Whether an unimported name can only mean the one definition there is."""
    overloads: bool = False
    """Whether several functions of one name are distinguished by their parameters."""
    package_scope: bool = False
    """Whether files of one directory see each other's names unimported."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", self.family or self.name)
