"""What a repository ships for its agents: skills, sub-agents, its own page of facts."""
