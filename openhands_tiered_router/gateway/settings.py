"""What environment variables tell the hook: worker processes inherit them."""

from typing import Final


KEY: Final = "TIERED_ROUTER_GATEWAY_KEY"
"""The key that clients must send."""
NO_KEY: Final = "TIERED_ROUTER_NO_KEY"
"""Set: whoever can connect is served, so only programs of this machine may."""
SERVED: Final = "TIERED_ROUTER_SERVED"
"""Set: the proxy is ours alone, and serves no model but the routed ones. ``litellm``:
LiteLLM checks keys, so its addresses for managing them are served too."""
BUDGETED: Final = "TIERED_ROUTER_BUDGETED"
"""Set: the configuration had budgets when the gateway started, so a worker that cannot
read it refuses calls."""
ANY_MODEL: Final = "TIERED_ROUTER_ANY_MODEL"
"""Set: calls for any model name are routed."""
WORKSPACES: Final = "TIERED_ROUTER_WORKSPACES"
"""Directory below which clients' workspaces may be read for the code graph; unset:
none is."""
WORKERS: Final = "TIERED_ROUTER_WORKERS"
"""Set: several processes serve, so none knows all requests of a conversation."""
CLIENT_FIELD: Final = "tiered_router_client"
"""Where LiteLLM's record of a request's key holds the client."""
