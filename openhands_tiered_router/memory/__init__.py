"""What worked in a repository before, for the next conversation in it."""
