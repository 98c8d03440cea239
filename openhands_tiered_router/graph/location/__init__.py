"""Where in the workspace a piece of text points."""
