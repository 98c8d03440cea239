"""The workspace's code graph: build it, keep it current, ask it.

Names are imported at first use, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from openhands_tiered_router.graph.build import build_graph
    from openhands_tiered_router.graph.model import (
        CERTAIN,
        Definition,
        Edge,
        EdgeKind,
        FileEdge,
        FileFacts,
        FileNode,
        FileRecord,
        NodeKind,
    )
    from openhands_tiered_router.graph.signals import GraphSignals
    from openhands_tiered_router.graph.snapshot import CodeGraph
    from openhands_tiered_router.graph.workspace import Workspace, get

_HOME = {
    "build_graph": "build",
    "CERTAIN": "model",
    "Definition": "model",
    "Edge": "model",
    "EdgeKind": "model",
    "FileEdge": "model",
    "FileFacts": "model",
    "FileNode": "model",
    "FileRecord": "model",
    "NodeKind": "model",
    "CodeGraph": "snapshot",
    "GraphSignals": "signals",
    "Workspace": "workspace",
    "get": "workspace",
}

__all__ = [
    "CERTAIN",
    "GraphSignals",
    "CodeGraph",
    "Definition",
    "Edge",
    "EdgeKind",
    "FileEdge",
    "FileFacts",
    "FileNode",
    "FileRecord",
    "NodeKind",
    "Workspace",
    "build_graph",
    "get",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
