"""Builds a workspace's graph and waits for it: for scripts and the command line."""

from pathlib import Path

from openhands_tiered_router.graph.refresh import Refresher, Report
from openhands_tiered_router.graph.snapshot import CodeGraph


def build_graph(
    root: Path,
    *,
    cache: Path | None = None,
    persistent: bool = True,
    workers: int | None = None,
    progress: Report | None = None,
) -> CodeGraph:
    """Return the up-to-date graph of a workspace.

    Args:
        root: The workspace directory.
        cache: File of the cache; default: one in the user's cache directory.
        persistent: False to neither read nor write a cache.
        workers: Processes to read files with, 0 for none; default: what pays.
        progress: Called after each file.

    Raises:
        NotADirectoryError: `root` is not a directory.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: not a directory; give a workspace's root")
    refresher = Refresher(
        root, cache=cache, persistent=persistent, workers=workers, report=progress
    )
    writer = refresher.start()
    refresher.save()
    return writer.graph
