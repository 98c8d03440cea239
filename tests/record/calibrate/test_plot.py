from __future__ import annotations

from xml.etree import ElementTree

from openhands_tiered_router.record.calibrate.plot import reliability_page


def test_each_tenth_has_its_circle_where_it_belongs() -> None:
    curve = [(400, 0.05, 0.0), (100, 0.55, 0.75)]
    fitted = {"reliability": curve, "turns": 500, "sessions": 3, "auc": 0.9, "ece": 0.1}
    page = reliability_page(fitted)
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</body>")])
    name = "{http://www.w3.org/2000/svg}"
    box = svg.find(f"{name}rect")
    assert box is not None
    left, top, size = (float(box.attrib[k]) for k in ("x", "y", "width"))
    circles = [
        {k: float(v) for k, v in c.attrib.items() if k in ("cx", "cy", "r")}
        for c in svg.iter(f"{name}circle")
    ]
    assert len(circles) == 2
    for circle, (_, predicted, share) in zip(circles, curve, strict=True):
        assert abs((circle["cx"] - left) / size - predicted) < 0.001
        assert abs(1 - (circle["cy"] - top) / size - share) < 0.001
    assert circles[0]["r"] > circles[1]["r"]
    assert "500 turns of 3 sessions" in page
