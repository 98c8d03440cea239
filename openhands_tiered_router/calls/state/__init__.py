"""State that conversations share: in this process, on this machine, or beyond it."""
