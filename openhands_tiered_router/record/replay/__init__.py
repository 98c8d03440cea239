"""What routing would have cost on sessions that were recorded without it."""
