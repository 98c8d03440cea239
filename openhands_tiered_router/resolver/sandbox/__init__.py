"""Where an agent works that is not to work here: a container, or an agent-server."""
