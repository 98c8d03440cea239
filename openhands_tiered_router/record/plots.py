"""Success against cost, drawn for the terminal and as a page of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from openhands_tiered_router.pages import html_page


_WIDTH: Final = 720
_HEIGHT: Final = 420
_LEFT: Final = 60
_RIGHT: Final = 20
_TOP: Final = 20
_BOTTOM: Final = 46
_STYLE: Final = (
    "body{font:14px system-ui,sans-serif;margin:2em;max-width:46em;color:#222;"
    "background:#fff}text{font:13px system-ui,sans-serif;fill:#222}"
    "svg{max-width:100%;height:auto}"
)
_COLOURS: Final = {"chosen": "#2a7f62", "efficient": "#4f7cac", "other": "#b8c4cc"}
_LETTER: Final = 7.0
_LINE: Final = 13.0
"""Room for a letter and for a line of the 13 px text."""
_STEPS: Final = (0.0, -16.0, 16.0)
"""Where a name may be: beside its point, a line above, a line below; px."""
_TICKS: Final = (1, 2, 5)
"""Mantissas of the ticks of a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Point:
    """One way to have tasks done."""

    label: str
    usd: float
    """Mean USD a task; above 0."""
    success: float
    kind: str
    """``chosen``, ``efficient`` or ``other``: how it is drawn."""
    mark: str
    """One character for it in the terminal."""


def page(title: str, caption: str, body: str) -> str:
    """An HTML page around what was drawn."""
    head = f"<h1>{escape(title)}</h1><p>{escape(caption)}</p>"
    return html_page(title=title, style=_STYLE, body=head + body)


def scatter(points: Sequence[Point], label: str) -> str:
    """Success against cost (logarithmic) as SVG; every point has its tooltip."""
    box = _Box.of(points)
    drawn = [_tick_x(box, usd) for usd in box.ticks()]
    drawn += [_tick_y(box, success) for success in box.levels()]
    drawn += [_dot(box, p) for p in sorted(points, key=_drawn_last)]
    named = sorted(points, key=_drawn_last, reverse=True)
    drawn += _names(box, [p for p in named if p.kind != "other"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" role="img" aria-label="{escape(label)}">{"".join(drawn)}'
        f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">'
        "USD a task</text></svg>"
    )


def scatter_text(points: Sequence[Point], width: int = 72, height: int = 16) -> str:
    """The same for a terminal: a mark a point, success from bottom to top."""
    box = _Box.of(points)
    inner = width - 8
    rows = [[" "] * inner for _ in range(height)]
    for p in sorted(points, key=_drawn_last):
        column = round(box.x(p.usd) * (inner - 1))
        rows[round((1 - box.y(p.success)) * (height - 1))][column] = p.mark
    lines = []
    for number, row in enumerate(rows):
        level = box.high - (box.high - box.low) * number / (height - 1)
        name = f"{level:5.0%} " if number % 5 == 0 else " " * 6
        lines.append(f"{name}|{''.join(row).rstrip()}")
    lines.append(" " * 6 + "+" + "-" * inner)
    axis = [" "] * width
    for usd in box.ticks():
        text = f"${usd:g}"
        at = 7 + round(box.x(usd) * (inner - 1))
        if "".join(axis[at - 1 : at + len(text) + 1]).strip():
            continue
        at = min(at, width - len(text))
        axis[at : at + len(text)] = text
    return "\n".join([*lines, "".join(axis).rstrip()])


def _drawn_last(p: Point) -> int:
    return ("other", "efficient", "chosen").index(p.kind)


@dataclass(frozen=True, slots=True)
class _Box:
    """The range that is drawn."""

    least: float
    most: float
    """USD."""
    low: float
    high: float
    """Success."""

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Box:
        usd = [p.usd for p in points]
        success = [p.success for p in points]
        low = math.floor(20 * min(success)) / 20
        high = min(math.ceil(20 * max(success) + 0.1) / 20, 1.0)
        return cls(min(usd) / 1.2, max(usd) * 1.2, low, max(high, low + 0.05))

    def x(self, usd: float) -> float:
        """In [0, 1], from left to right."""
        return math.log(usd / self.least) / math.log(self.most / self.least)

    def y(self, success: float) -> float:
        """In [0, 1], from bottom to top."""
        return min(max((success - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        exponents = range(
            math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1
        )
        all_ = [mantissa * 10.0**e for e in exponents for mantissa in _TICKS]
        return [round(t, 9) for t in all_ if self.least <= t <= self.most]

    def levels(self) -> list[float]:
        step = 0.05 if self.high - self.low <= 0.4 else 0.1
        count = round((self.high - self.low) / step)
        return [self.low + step * i for i in range(count + 1)]


def _x(box: _Box, usd: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * box.x(usd)


def _y(box: _Box, success: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - box.y(success))


def _tick_x(box: _Box, usd: float) -> str:
    x = _x(box, usd)
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
        f'stroke="#eee"/><text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" '
        f'text-anchor="middle">${usd:g}</text>'
    )


def _tick_y(box: _Box, success: float) -> str:
    y = _y(box, success)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
        f'stroke="#eee"/><text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
        f"{success:.0%}</text>"
    )


def _dot(box: _Box, p: Point) -> str:
    x, y = _x(box, p.usd), _y(box, p.success)
    said = f"{p.label}: {p.success:.1%} solved, ${p.usd:.3g} a task"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{7 if p.kind == "chosen" else 5}" '
        f'fill="{_COLOURS[p.kind]}"><title>{escape(said)}</title></circle>'
    )


def _names(box: _Box, points: Sequence[Point]) -> list[str]:
    """The points' names, each beside its point where no other name is yet.

    One that has room nowhere near is left to the tooltip.
    """
    taken: list[tuple[float, float, float]] = []
    drawn = []
    for p in points:
        x, end = _x(box, p.usd), _x(box, p.usd) > _WIDTH * 0.7
        at, anchor = (x - 9, "end") if end else (x + 9, "start")
        width = len(p.label) * _LETTER
        left = at - width if end else at
        for y in (_y(box, p.success) + 4 + step for step in _STEPS):
            if any(
                abs(y - other) < _LINE and left < right and start < left + width
                for start, right, other in taken
            ):
                continue
            taken.append((left, left + width, y))
            drawn.append(
                f'<text x="{at:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
                f"{escape(p.label)}</text>"
            )
            break
    return drawn
