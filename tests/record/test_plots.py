"""Success against cost, drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, strategies as st

from openhands_tiered_router.record.plots import Point, page, scatter, scatter_text


SVG_TEXT = "{http://www.w3.org/2000/svg}text"
SVG_TITLE = "{http://www.w3.org/2000/svg}title"
POINTS = [
    Point("cheap & good", 0.04, 0.74, "chosen", "s"),
    Point("strong", 1.5, 0.96, "efficient", "o"),
    Point("beaten", 2.0, 0.5, "other", "."),
]


def test_every_point_is_on_the_terminals_plot() -> None:
    text = scatter_text(POINTS, width=60, height=12)
    lines = text.splitlines()
    assert all(len(line) <= 60 for line in lines)
    rows = {p.mark: next(i for i, x in enumerate(lines) if p.mark in x) for p in POINTS}
    assert rows["o"] < rows["s"] < rows["."]
    assert lines[rows["s"]].index("s") < lines[rows["o"]].index("o")


def test_the_drawing_names_what_matters_and_is_well_formed() -> None:
    root = ET.fromstring(scatter(POINTS, "a plot"))
    texts = [e.text for e in root.iter(SVG_TEXT)]
    assert "cheap & good" in texts
    assert "beaten" not in texts
    titles = [e.text or "" for e in root.iter(SVG_TITLE)]
    assert any("beaten" in title for title in titles)
    assert "a &lt;b&gt;" in page("a <b>", "", "")


@given(
    st.lists(st.tuples(st.floats(1e-4, 1e4), st.floats(0, 1)), min_size=1, max_size=20)
)
def test_any_figures_can_be_drawn(figures: list[tuple[float, float]]) -> None:
    points = [Point("p", usd, success, "chosen", "x") for usd, success in figures]
    assert "x" in scatter_text(points)
    ET.fromstring(scatter(points, "any"))


def test_no_name_is_drawn_over_another() -> None:
    near = [
        Point(f"a model of some length {n}", 0.3 + n / 1e3, 0.8, "efficient", "o")
        for n in range(6)
    ]
    drawn = ET.fromstring(scatter([*near, *POINTS], "a plot"))
    names = [t for t in drawn.iter(SVG_TEXT) if "length" in (t.text or "")]
    rows = [float(t.attrib["y"]) for t in names]
    assert len(names) == 3
    assert len(set(rows)) == 3
    assert len(list(drawn.iter(SVG_TITLE))) == 9
