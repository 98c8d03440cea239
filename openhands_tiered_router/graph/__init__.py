"""The workspace's code graph: build it, keep it current, ask it.

Public names are imported at first use, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from openhands_tiered_router.graph.build import build_graph
    from openhands_tiered_router.graph.signals import GraphSignals
    from openhands_tiered_router.graph.snapshot import CodeGraph

__all__ = ["CodeGraph", "GraphSignals", "build_graph"]

_HOMES: Final = {
    "CodeGraph": "snapshot",
    "GraphSignals": "signals",
    "build_graph": "build",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
