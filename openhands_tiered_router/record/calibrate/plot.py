"""A page that shows how far probabilities can be believed; needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openhands_tiered_router.record.plots import page


_SIZE: Final = 420
_MARGIN: Final = 50


def reliability_page(fitted: Mapping[str, Any]) -> str:
    """Predicted probability against what came, a circle for each tenth.

    Args:
        fitted: The model's figures: ``reliability`` holds count, mean probability and
            share of mechanical turns of each tenth that has turns.
    """
    curve = fitted["reliability"]
    most = max(count for count, _, _ in curve)
    points = "".join(_point(n / most, p, share, n) for n, p, share in curve)
    caption = (
        f"{fitted['turns']} turns of {fitted['sessions']} sessions, each predicted by "
        "a model that never saw its task; expected "
        f"calibration error {fitted['ece']:.3f}. A circle's area is its share of the "
        "turns; on the line, predictions are right."
    )
    whole = _SIZE + 2 * _MARGIN
    title = "Reliability of the next-turn model"
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" '
        f'width="{whole}" role="img" aria-label="{title}">{_axes()}{points}</svg>'
    )
    return page(title, caption, drawn)


def _axes() -> str:
    ticks = "".join(
        f'<text x="{_x(t):.0f}" y="{_y(0) + 20:.0f}" text-anchor="middle">{t:g}</text>'
        f'<text x="{_x(0) - 8:.0f}" y="{_y(t) + 4:.0f}" text-anchor="end">{t:g}</text>'
        for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    middle = _MARGIN + _SIZE / 2
    return (
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIZE}" height="{_SIZE}" '
        'fill="none" stroke="#888"/>'
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#888" '
        f'stroke-dasharray="4 3"/>{ticks}'
        f'<text x="{middle}" y="{_y(0) + 40:.0f}" text-anchor="middle">'
        "predicted probability that a turn is mechanical</text>"
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
        "share that was</text>"
    )


def _point(weight: float, predicted: float, share: float, count: int) -> str:
    return (
        f'<circle cx="{_x(predicted):.1f}" cy="{_y(share):.1f}" '
        f'r="{3 + 15 * weight**0.5:.1f}" fill="#2a7f62" fill-opacity="0.6">'
        f"<title>{count} turns: predicted {predicted:.3f}, mechanical {share:.3f}"
        "</title></circle>"
    )


def _x(value: float) -> float:
    return _MARGIN + _SIZE * value


def _y(value: float) -> float:
    return _MARGIN + _SIZE * (1.0 - value)
