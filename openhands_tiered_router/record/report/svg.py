"""Plots as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from openhands_tiered_router.record.report.calibration import LEAST, Bin


WIDTH: Final = 360
"""Of every plot, in its own units: near the width of a phone, so that text stays
readable there and on a card of a wide page."""

_HEIGHT: Final = 200
_LEFT: Final = 62
_BOTTOM: Final = 26
_RIGHT: Final = 12
_TOP: Final = 10
_WIDEST: Final = 48
"""Of a column: few days are no walls."""


def bars(rows: Sequence[tuple[str, float, str]], label: str) -> str:
    """Horizontal bars: name, value, text; the first is the one that matters."""
    most = max((value for _, value, _ in rows), default=0.0) or 1.0
    drawn: list[str] = []
    for i, (name, value, text) in enumerate(rows):
        y, width = 14 + 40 * i, (WIDTH - 2) * max(value, 0.0) / most
        kind = "ours" if i == 0 else "other"
        drawn.append(
            f'<text x="0" y="{y}">{escape(name)}</text>'
            f'<text x="{WIDTH}" y="{y}" class="end">{escape(text)}</text>'
            f'<rect x="0" y="{y + 6}" width="{width:.1f}" height="12" rx="2" '
            f'class="{kind}"/>'
        )
    return _svg(40 * len(rows), label, drawn)


def stacks(
    columns: Sequence[tuple[str, Mapping[str, float]]], kinds: Sequence[str], label: str
) -> str:
    """Shares of each kind, one column a day."""
    step = _step(len(columns))
    span = _HEIGHT - _TOP - _BOTTOM
    drawn = [_grid(k / 4, f"{k * 25} %") for k in range(5)]
    for i, (name, parts) in enumerate(columns):
        whole, at = sum(parts.values()) or 1.0, float(_HEIGHT - _BOTTOM)
        for kind in kinds:
            height = span * parts.get(kind, 0.0) / whole
            at -= height
            share = parts.get(kind, 0.0) / whole
            drawn.append(
                f'<rect x="{_LEFT + i * step:.1f}" y="{at:.1f}" '
                f'width="{_wide(step):.1f}" '
                f'height="{height:.1f}" class="{kind}">'
                f"<title>{escape(name)}: {escape(kind)} {share:.0%}</title></rect>"
            )
    return _svg(_HEIGHT, label, drawn + _ends([name for name, _ in columns]))


def days(columns: Sequence[tuple[str, float]], label: str) -> str:
    """USD of each day."""
    most = max((value for _, value in columns), default=0.0) or 1.0
    step = _step(len(columns))
    span = _HEIGHT - _TOP - _BOTTOM
    drawn = [_grid(k / 2, f"${most * k / 2:.3g}") for k in range(3)]
    for i, (name, value) in enumerate(columns):
        height = span * value / most
        drawn.append(
            f'<rect x="{_LEFT + i * step:.1f}" y="{_HEIGHT - _BOTTOM - height:.1f}" '
            f'width="{_wide(step):.1f}" height="{height:.1f}" '
            f'class="ours"><title>{escape(name)}: ${value:.2f}</title></rect>'
        )
    return _svg(_HEIGHT, label, drawn + _ends([name for name, _ in columns]))


def bands(columns: Sequence[tuple[str, float, float]], label: str) -> str:
    """From a lower to an upper value, one column a day, with a mark at the lower."""
    most = max((high for _, _, high in columns), default=0.0) or 1.0
    step = _step(len(columns))
    wide = _wide(step)
    drawn = [_grid(k / 2, f"{most * k / 2:.3g}") for k in range(3)]
    for i, (name, low, high) in enumerate(columns):
        x, top, bottom = _LEFT + i * step, _y(high / most), _y(low / most)
        drawn.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{bottom - top:.1f}" class="other"><title>{escape(name)}: '
            f'{low:.3g} to {high:.3g}</title></rect><rect x="{x:.1f}" '
            f'y="{bottom - 1.5:.1f}" width="{wide:.1f}" height="3" class="ours"/>'
        )
    return _svg(_HEIGHT, label, drawn + _ends([name for name, _, _ in columns]))


def reliability(bins: Sequence[Bin], label: str) -> str:
    """Predicted against seen with its interval; on the diagonal it is calibrated."""
    drawn = [_grid(k / 4, f"{k / 4:g}") for k in range(5)]
    drawn.append(
        f'<line x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}" '
        'class="dash"/>'
    )
    for b in bins:
        share = b.observed.share
        if share is None or b.observed.count < LEAST:
            continue
        low, high = b.observed.interval
        x = _x(b.predicted)
        drawn.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" '
            f'class="whisker"/><circle cx="{x:.1f}" cy="{_y(share):.1f}" r="4" '
            f'class="ours"><title>predicted {b.predicted:.2f}, seen {share:.2f} of '
            f"{b.observed.count}</title></circle>"
        )
    y = _HEIGHT - 8
    drawn.append(f'<text x="{_LEFT}" y="{y}">predicted 0</text>')
    drawn.append(f'<text x="{WIDTH - _RIGHT}" y="{y}" class="end">1</text>')
    return _svg(_HEIGHT, label, drawn)


def _step(columns: int) -> float:
    return min((WIDTH - _LEFT - _RIGHT) / max(columns, 1), _WIDEST + 2)


def _wide(step: float) -> float:
    return max(step - min(2, step / 5), 0.5)


def _x(share: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * share


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def _grid(share: float, text: str) -> str:
    y = _y(share)
    return (
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
        f'class="grid"/><text x="{_LEFT - 5}" y="{y + 4:.1f}" class="end">'
        f"{escape(text)}</text>"
    )


def _ends(names: Sequence[str]) -> list[str]:
    """The first and the last name below the axis."""
    if not names:
        return []
    y = _HEIGHT - 8
    drawn = [f'<text x="{_LEFT}" y="{y}">{escape(names[0])}</text>']
    if len(names) > 1:
        end = max(_LEFT + _step(len(names)) * len(names), _LEFT + 160)
        last = escape(names[-1])
        drawn.append(f'<text x="{end:.1f}" y="{y}" class="end">{last}</text>')
    return drawn


def _svg(height: int, label: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )
