"""The workspace's code graph: build it, keep it current, ask it."""
