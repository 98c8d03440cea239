"""What the hook is told by environment variables: worker processes inherit them."""

from typing import Final


KEY: Final = "TIERED_ROUTER_GATEWAY_KEY"
"""The key that clients must send."""
ANY_MODEL: Final = "TIERED_ROUTER_ANY_MODEL"
"""Set: calls for any model name are routed."""
WORKSPACES: Final = "TIERED_ROUTER_WORKSPACES"
"""Directory below which clients' workspaces may be read for the code graph; unset:
none is."""
