"""Pages for a browser: those of the documentation by address, and our own files.

The wheel does not hold ``docs/``, so what a user reads names a page by its address.
Docstrings that only readers of the source see may name the file.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from html import escape
from typing import Final


DOCUMENTATION: Final = (
    "https://github.com/openhands-tiered-router/openhands-tiered-router/tree/main/docs"
)
"""``Documentation`` in the project's metadata."""
_CONTROLS: Final = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t"
}
"""Not allowed in HTML, and not shown; a file's name may hold them."""


def doc_page(name: str, section: str = "") -> str:
    """The address of a page, such as ``doc_page("telemetry", "columns")``.

    Args:
        name: Of a file in ``docs/``, without its suffix.
        section: A heading of it in the form that links take; "": the whole page.
    """
    address = f"{DOCUMENTATION}/{name}.md"
    return f"{address}#{section}" if section else address


def html_page(
    *, title: str, style: str, body: str, script: str = "", data: object = None
) -> str:
    """A page that is one file and asks no network for anything.

    Its content security policy allows no script but this one, so that a name which
    became markup by mistake could still do nothing.

    Args:
        title: Plain text.
        style: CSS.
        body: HTML, with all that is not ours escaped.
        script: JavaScript, run after the body.
        data: What the script finds as JSON in the element ``data``.
    """
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if script else "'none'"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'unsafe-inline'; script-src {allowed}\">",
        f"<title>{escape(title)}</title>\n<style>\n{style}\n</style>\n</head>",
        f"<body>\n{body}",
    ]
    if data is not None:
        parts.append(
            f'<script type="application/json" id="data">{_json(data)}</script>'
        )
    if script:
        parts.append(f"<script>{script}</script>")
    return "\n".join([*parts, "</body>\n</html>\n"]).translate(_CONTROLS)


def _json(data: object) -> str:
    """JSON in which no tag can begin."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
