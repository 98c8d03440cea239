"""A page that shows what each policy would have cost; needs no network to view."""

from __future__ import annotations

from html import escape
from typing import Final

from openhands_tiered_router.record.plots import page as html_page
from openhands_tiered_router.record.replay.summary import ROUTED, Line, Summary


_WIDTH: Final = 720
_LEFT: Final = 150
_ROW: Final = 34
_TOP: Final = 40


def page(summary: Summary, title: str) -> str:
    """A bar for each policy, with its interval, against the base tier's cost."""
    most = max(1.0, *(line.high for line in summary.lines))
    scale = (_WIDTH - _LEFT - 170) / most
    height = _TOP + _ROW * len(summary.lines) + 20
    one = _LEFT + scale
    bars = "".join(_bar(i, line, scale) for i, line in enumerate(summary.lines))
    caption = (
        f"{summary.sessions} sessions, {summary.turns} turns; cost relative to always "
        f"{summary.base}; whiskers: 95 % bootstrap interval over sessions"
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(caption)}">{bars}'
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="{_TOP - 10}" y2="{height - 15}" '
        'stroke="#888" stroke-dasharray="4 3"/></svg>'
    )
    return html_page(title, caption, drawn)


def _bar(row: int, line: Line, scale: float) -> str:
    y = _TOP + row * _ROW
    middle = y + _ROW / 2 - 5
    colour = "#2a7f62" if line.name == ROUTED else "#9db4c0"
    low, high = _LEFT + scale * line.low, _LEFT + scale * line.high
    under_routed = (
        f", under-routed {line.under_routed:.0%}" if line.under_routed else ""
    )
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">'
        f"{escape(line.name)}</text>"
        f'<rect x="{_LEFT}" y="{y}" width="{scale * line.relative:.1f}" '
        f'height="{_ROW - 10}" fill="{colour}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" '
        'stroke="#222"/>'
        f'<text x="{high + 8:.1f}" y="{middle + 4}">{line.relative:.2f} '
        f"(${line.usd:.2f}{under_routed})</text>"
    )
