"""The plot of each day's spend as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final


WIDE: Final = 1_100
"""Of a plot across the page, in its own units: nearly pixels."""

NARROW: Final = 360
"""Near the width of a phone, so that text stays readable there."""

_HEIGHT: Final = 220
_LEFT: Final = 52
_BOTTOM: Final = 26
_RIGHT: Final = 8
_TOP: Final = 12
_WIDEST: Final = 96
"""Of a column: few days are no walls."""


def days(
    columns: Sequence[tuple[str, Mapping[str, float], float | None]],
    kinds: Sequence[str],
    label: str,
    width: int,
) -> str:
    """USD of each day: stacked parts, and a line at what it is compared with.

    Args:
        columns: Name, parts by kind, and the other sum or ``None``.
        kinds: Of the parts, from the bottom up.
        label: For who cannot see it.
        width: Of the plot.
    """
    tops = [max(sum(parts.values()), other or 0.0) for _, parts, other in columns]
    most = _round_up(max(tops, default=0.0) or 1.0)
    step = (width - _LEFT - _RIGHT) / max(len(columns), 1)
    wide = max(min(step - min(6, step / 4), _WIDEST), 0.5)
    drawn = [_grid(k / 4, f"${most * k / 4:.3g}", width) for k in range(5)]
    every = -(-len(columns) * 50 // int(width - _LEFT))
    every = max(every, 1)
    for i, (name, parts, other) in enumerate(columns):
        x = _LEFT + (i + 0.5) * step - wide / 2
        drawn.append(f"<g><title>{escape(_told(name, parts, other))}</title>")
        at = 0.0
        for kind in kinds:
            height = parts.get(kind, 0.0) / most
            drawn.append(_rect(x, at, wide, height, kind))
            at += height
        drawn.append(_rect(x, 0, wide, 1, "hit"))
        if other is not None:
            y = _y(other / most)
            drawn.append(
                f'<line x1="{x - 2:.1f}" x2="{x + wide + 2:.1f}" y1="{y:.1f}" '
                f'y2="{y:.1f}" class="other"/>'
            )
        drawn.append("</g>")
        if i % every == 0:
            drawn.append(
                f'<text x="{x:.1f}" y="{_HEIGHT - 8}">{escape(name[5:])}</text>'
            )
    return _svg(width, _HEIGHT, label, drawn)


def _round_up(value: float) -> float:
    """To a number of which a quarter is short."""
    size = 10.0 ** math.floor(math.log10(value))
    return next(n * size for n in (1, 2, 4, 6, 8, 10) if n * size >= value)


def _told(name: str, parts: Mapping[str, float], other: float | None) -> str:
    lines = [f"{name}: ${sum(parts.values()):.2f}"]
    lines += [f"{kind} ${usd:.2f}" for kind, usd in parts.items() if usd]
    return "\n".join(lines if other is None else [*lines, f"alone: ${other:.2f}"])


def _rect(x: float, bottom: float, wide: float, height: float, kind: str) -> str:
    top = _y(bottom + height)
    return (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" '
        f'height="{_y(bottom) - top:.1f}" class="{escape(kind)}"/>'
    )


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def _grid(share: float, text: str, width: int) -> str:
    y = _y(share)
    return (
        f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
        f'class="grid"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">'
        f"{escape(text)}</text>"
    )


def _svg(width: int, height: int, label: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )
