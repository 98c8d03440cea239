"""A small project, built for real, that the tests of questions share."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.snapshot import CodeGraph


SHOP: Mapping[str, str] = {
    "shop/__init__.py": "from shop.cart import Cart\n",
    "shop/money.py": (
        "class Money:\n"
        '    """An amount in one currency."""\n'
        "    def add(self, other):\n"
        "        if other:\n"
        "            return self\n"
        "        return other\n"
        "\n"
        "def parse_amount(text):\n"
        '    """Read a price such as 3.50."""\n'
        "    return Money()\n"
    ),
    "shop/cart.py": (
        "from shop.money import Money, parse_amount\n"
        "\n"
        "class Cart:\n"
        "    def total(self) -> Money:\n"
        "        return parse_amount('0')\n"
        "\n"
        "    def checkout(self):\n"
        "        return self.total()\n"
    ),
    "shop/web.py": (
        "from shop.cart import Cart\n"
        "\n"
        "def handle_request(request):\n"
        '    """Answer one HTTP request."""\n'
        "    return Cart().checkout()\n"
    ),
    "shop/colours.py": "def shade(red, green):\n    return red\n",
    "tests/test_cart.py": (
        "from shop.cart import Cart\n\ndef test_total():\n    assert Cart().total()\n"
    ),
    "tests/test_web.py": (
        "from shop.web import handle_request\n"
        "\n"
        "def test_request():\n"
        "    assert handle_request(None)\n"
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The directory of the small project."""
    root = tmp_path / "project"
    write(root, SHOP)
    return root


@pytest.fixture
def shop(project: Path) -> CodeGraph:
    """The graph of the small project."""
    return build_graph(project, persistent=False)


@pytest.fixture
def graph_of(tmp_path: Path) -> Callable[[Mapping[str, str]], CodeGraph]:
    """Builds the graph of some files, given as path to content."""

    def build(files: Mapping[str, str]) -> CodeGraph:
        root = tmp_path / "other"
        write(root, files)
        return build_graph(root, persistent=False)

    return build


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
