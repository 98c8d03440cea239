"""``[graph]``: whether decisions see the code graph."""

from __future__ import annotations

from openhands_tiered_router.fields import Section


class GraphSettings(Section):
    """The code graph of the workspace."""

    enabled: bool = True
    """Build the graph of the workspace's code, and let decisions see it."""
