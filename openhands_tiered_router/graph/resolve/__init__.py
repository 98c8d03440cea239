"""Names to definitions: what each file's calls, bases, types and imports mean."""
