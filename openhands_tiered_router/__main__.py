"""``python -m openhands_tiered_router`` is ``tiered-router``."""

from openhands_tiered_router.cli import main


if __name__ == "__main__":
    main()
