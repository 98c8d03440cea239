"""Where the pages of the documentation are, for messages that cite one.

The wheel does not hold ``docs/``, so what a user reads names a page by its address.
Docstrings that only readers of the source see may name the file.
"""

from __future__ import annotations

from typing import Final


DOCUMENTATION: Final = (
    "https://github.com/openhands-tiered-router/openhands-tiered-router/tree/main/docs"
)
"""``Documentation`` in the project's metadata."""


def doc_page(name: str, section: str = "") -> str:
    """The address of a page, such as ``doc_page("telemetry", "columns")``.

    Args:
        name: Of a file in ``docs/``, without its suffix.
        section: A heading of it in the form that links take; "": the whole page.
    """
    address = f"{DOCUMENTATION}/{name}.md"
    return f"{address}#{section}" if section else address
