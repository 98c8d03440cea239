"""Which endpoints can be trusted right now."""
