"""What was decided and what came of it: kept, measured, shown and learned from."""
