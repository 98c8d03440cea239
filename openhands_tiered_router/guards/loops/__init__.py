"""A breaker for agents that fail, repeat themselves or do not come to an end."""
