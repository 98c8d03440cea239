"""Doc comments, found by the lines above a definition."""

from typing import Final


LOOK_BACK: Final = 4_000
"""Bytes read above a definition."""

_LINE: Final = ("///", "//!", "//", "#", "--", ";;")
_ATTRIBUTE: Final = ("#[", "@", "[")


def comment_before(source: bytes, start: int) -> tuple[str, str]:
    """Return (first line of the comment, attribute lines) above byte `start`.

    Attributes, annotations and decorators may come between the two. A comment
    counts only where no blank line parts it from the definition.
    """
    line_start = source.rfind(b"\n", 0, start) + 1
    if line_start == 0:
        return "", ""
    above = source[max(0, line_start - LOOK_BACK) : line_start - 1]
    attributes: list[str] = []
    comment = ""
    while above:
        cut = above.rfind(b"\n")
        line = above[cut + 1 :].decode("utf-8", "replace").strip()
        if line.startswith(_ATTRIBUTE):
            attributes.append(line)
        elif line.endswith("*/"):
            return _block(above.decode("utf-8", "replace")), " ".join(attributes)
        elif line.startswith(_LINE):
            comment = _plain(line) or comment
        else:
            break
        above = above[:cut] if cut >= 0 else b""
    return comment, " ".join(attributes)


def _block(above: str) -> str:
    """Return the first line with words of the ``/* */`` that ends here."""
    text = above[above.rfind("/*") + 2 :].rstrip()[:-2]
    lines = (line.strip().strip("*").strip() for line in text.splitlines())
    return next((line for line in lines if line), "")


def _plain(line: str) -> str:
    return line.lstrip("/#!-;").strip()
