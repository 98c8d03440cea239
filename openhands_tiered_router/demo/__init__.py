"""The demo: a real agent on a bundled project, with recorded answers of models."""
