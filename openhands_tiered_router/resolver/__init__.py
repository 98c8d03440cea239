"""From an issue to a verified patch, branch or pull request; see docs/resolver.md."""
