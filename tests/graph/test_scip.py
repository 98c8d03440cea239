import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.graph import export
from openhands_tiered_router.graph.scip import Left, index, symbols_of


pytest.importorskip("google.protobuf")

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


FIELDS = {
    "ToolInfo": {"name": (1, "string"), "version": (2, "string")},
    "Metadata": {
        "version": (1, "int32"),
        "tool_info": (2, "ToolInfo"),
        "project_root": (3, "string"),
        "text_document_encoding": (4, "int32"),
    },
    "Occurrence": {
        "range": (1, "int32*"),
        "symbol": (2, "string"),
        "symbol_roles": (3, "int32"),
    },
    "SymbolInformation": {
        "symbol": (1, "string"),
        "documentation": (3, "string*"),
        "kind": (5, "int32"),
        "display_name": (6, "string"),
    },
    "Document": {
        "relative_path": (1, "string"),
        "occurrences": (2, "Occurrence*"),
        "symbols": (3, "SymbolInformation*"),
        "language": (4, "string"),
        "position_encoding": (6, "int32"),
    },
    "Index": {"metadata": (1, "Metadata"), "documents": (2, "Document*")},
}
"""The messages of scip.proto that are written, by the numbers that it gives them."""


def index_type() -> Any:
    """Return the class of ``Index`` as the protobuf library makes it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="scip.proto", package="scip", syntax="proto3"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = message.field.add(name=field, number=number)
            added.label = (
                kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            )
            match kind.rstrip("*"):
                case "string":
                    added.type = kinds.TYPE_STRING
                case "int32":
                    added.type = kinds.TYPE_INT32
                case other:
                    added.type = kinds.TYPE_MESSAGE
                    added.type_name = f".scip.{other}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("scip.Index"))


def decoded(data: bytes) -> Any:
    """Decode an index, which must hold no other fields than ours."""
    found = index_type()()
    found.ParseFromString(data)
    assert found.SerializeToString(deterministic=True)
    assert len(data) == found.ByteSize()
    return found


def text_at(root: Path, path: str, place) -> str:
    """Return the text that a range is about, its columns counted in bytes."""
    line, start, end = place
    lines = (root / path).read_bytes().split(b"\n")
    return lines[line][start:end].decode()


def test_an_index_has_the_definitions_and_their_uses(shop):
    left = Left()
    found = decoded(b"".join(index(shop, left)))

    assert found.metadata.project_root == shop.root.as_uri()
    assert [d.relative_path for d in found.documents] == sorted(shop.files)
    cart = next(d for d in found.documents if d.relative_path == "shop/cart.py")
    assert (cart.language, cart.position_encoding) == ("Python", 1)
    names = {s.symbol: s.display_name for s in cart.symbols}
    total = "openhands-tiered-router . . . `shop/cart.py`/Cart#total()."
    assert names[total] == "total"
    uses = [o for o in cart.occurrences if o.symbol == total]
    assert [o.symbol_roles for o in uses] == [1, 0]
    for use in uses:
        assert text_at(shop.root, "shop/cart.py", use.range) == "total"


def test_every_occurrence_is_of_a_symbol_that_is_defined_once(shop):
    found = decoded(b"".join(index(shop, Left())))
    symbols = [s.symbol for d in found.documents for s in d.symbols]
    occurrences = [o for d in found.documents for o in d.occurrences]
    defined = [o.symbol for o in occurrences if o.symbol_roles == 1]

    assert len(symbols) == len(set(symbols))
    assert sorted(defined) == sorted(symbols)
    assert {o.symbol for o in occurrences} <= set(symbols)
    assert any(not o.symbol_roles for o in occurrences)


def test_columns_are_bytes_and_ambiguous_names_are_counted(graph_of):
    text = (
        "class A:\n    def go(self): pass\n"
        "class B:\n    def go(self): pass\n"
        "def f(a: A, b: B):\n    x = 'é'; a.go(); b.go(); A.go(a)\n"
        "def g(a: A): 'é'; a.go()\n"
    )
    graph, left = graph_of({"m.py": text}), Left()
    (document,) = decoded(b"".join(index(graph, left))).documents
    uses = [
        (text_at(graph.root, "m.py", o.range), o.symbol.rpartition("/")[2], o.range[0])
        for o in document.occurrences
        if not o.symbol_roles and o.symbol.endswith(").")
    ]

    assert ("go", "A#go().", 6) in uses
    assert uses.count(("go", "A#go().", 5)) == 1  # A.go(a) names its type
    assert left.ambiguous == 2  # a.go() and b.go()


def test_overloads_and_odd_names_have_symbols_of_their_own(graph_of):
    graph = graph_of(
        {
            "a b/`X.java": "class X { void f() {} void f(int a) {} }",
            "m.go": "package m\nfunc (t *T) Do() {}\n",
        }
    )
    java, go = graph.facts("a b/`X.java"), graph.facts("m.go")
    assert java is not None
    assert go is not None
    start = "openhands-tiered-router . . . "
    assert symbols_of(java)["X.f#1"] == f"{start}`a b/``X.java`/X#f(+1)."
    assert symbols_of(go) == {"T.Do": f"{start}`m.go`/T#Do()."}


def test_a_file_that_is_gone_is_counted(graph_of):
    graph, left = graph_of({"m.py": "def f(): pass\n"}), Left()
    (graph.root / "m.py").unlink()
    (document,) = decoded(b"".join(index(graph, left))).documents

    assert left.unread == 1
    assert len(document.symbols) == 1
    assert not document.occurrences


def test_the_command_writes_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "m.py").write_text("def f(): pass\n\n\ndef g(): f()\n")
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    output = tmp_path / "index.scip"
    done = CliRunner().invoke(
        export, ["-w", str(work), "--format", "scip", "-o", str(output)]
    )

    assert done.exit_code == 0, done.output
    assert "left out: 0 uses" in done.stderr
    assert len(decoded(output.read_bytes()).documents[0].occurrences) == 3
