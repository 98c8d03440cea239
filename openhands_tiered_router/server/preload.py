"""For ``--import-modules``: an agent-server that knows both ways at each start.

The agent kind ``RoutedAgent``, the tool ``complexity_router``, and the analyzer that
``[confirm] mode = "stop"`` stores with a conversation.
"""

from openhands.sdk.tool import register_tool

import openhands_tiered_router.agent
import openhands_tiered_router.guards.confirm.analyzer  # noqa: F401
from openhands_tiered_router.server.installer import RouterInstaller


# The server stores the module of each tool with a conversation, and refuses clients
# that cannot import it. Here it is imported anyway, so no client is asked for ours.
RouterInstaller.__module__ = register_tool.__module__
