"""Carrying a decision out: attempts, failover, and what an error calls for."""
