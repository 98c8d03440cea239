"""Both ways onto an OpenHands agent-server; see docs/agent-server.md."""
