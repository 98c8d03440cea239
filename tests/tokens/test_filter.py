"""A filter is idempotent, deterministic, never longer, and says what it left out."""

from __future__ import annotations

import re

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.tokens.distil import ERROR, distilled
from openhands_tiered_router.tokens.filter import Seen, arrived, without_repeats


WORDS = ["def f(x):", "    return x", "", "}", "value = compute(x, y)", "# a comment"]
ROUTINE = [
    "tests/a.py::test_one PASSED [ 10%]",
    "tests/a.py::test_two FAILED [ 20%]",
    "Requirement already satisfied: numpy in /usr/lib (1.0)",
    "src/a.py:12:    raise ValueError('no')",
    "src/a.py:13:    return 1",
    "src/b.py-14-    pass",
    "\x1b[31mError: it broke\x1b[0m",
    "10%\r50%\r100%",
    "..........  [ 50%]",
]
LINES = st.one_of(st.sampled_from(WORDS + ROUTINE), st.text(max_size=60))
TEXTS = st.lists(LINES, max_size=60).map("\n".join)
REPEATED = st.lists(st.sampled_from(WORDS + ROUTINE), max_size=80).map("\n".join)
FRAMES = [f'  File "/src/module_{i}.py", line {i}, in function_{i}' for i in range(4)]
BLOCKS = st.lists(st.sampled_from(FRAMES + WORDS), min_size=1, max_size=8)
RECURSIONS = st.lists(
    st.tuples(BLOCKS, st.integers(1, 12)).map(lambda pair: pair[0] * pair[1]),
    max_size=6,
).map(lambda blocks: "\n".join(line for block in blocks for line in block))
ANY = st.one_of(TEXTS, REPEATED, RECURSIONS)


def view(texts: list[str]) -> Seen:
    seen = Seen()
    for number, text in enumerate(texts):
        seen.add(f"cat {number}", text)
    return seen


@given(st.lists(ANY, max_size=4), ANY)
@settings(deadline=None)
def test_never_longer_the_same_again_and_its_own_result(
    shown: list[str], text: str
) -> None:
    once = arrived(text, view(shown))
    assert len(once.text) <= len(text)
    assert arrived(text, view(shown)) == once
    assert arrived(once.text, view(shown)).text == once.text


@given(st.one_of(TEXTS, REPEATED))
@settings(deadline=None)
def test_no_line_that_tells_of_trouble_goes(text: str) -> None:
    def plain(line: str) -> str:
        bare = re.sub(r"\x1b\[[0-9;]*m", "", line)
        return re.sub(r"^[^\s:]*[:\-](?=\d+[:\-])", "", bare).strip()

    left = distilled(text)
    for line in text.split("\n"):
        if ERROR.search(line) and "\r" not in line and plain(line).isascii():
            assert plain(line) in left


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map("\n".join))
@settings(deadline=None)
def test_what_is_left_out_is_in_view(text: str) -> None:
    other = "x = 1\ny = 2\n"
    short = without_repeats(other + text, view([text]))
    left = set((other + text).split("\n")) - set(short.split("\n"))
    assert left <= set(text.split("\n"))
    assert short.startswith(other)


FILE = "\n".join(f"    step_{i} = prepare(step_{i - 1}, limit={i})" for i in range(40))


def numbered(text: str, first: int = 1) -> str:
    lines = text.split("\n")
    return "\n".join(f"{i:6d}\t{line}" for i, line in enumerate(lines, first))


def test_a_file_read_again_is_referred_to() -> None:
    seen = view([FILE])
    assert without_repeats(FILE, seen) == (
        "[40 lines left out, same as above in `cat 0`: "
        "'step_0 = prepare(step_-1, l...' to 'step_39 = prepare(step_38, ...']"
    )


def test_after_an_edit_what_changed_is_shown_with_its_lines_around() -> None:
    changed = FILE.replace("limit=20)", "limit=99)")
    short = without_repeats(numbered(changed), view([numbered(FILE)]))
    first, line, last = short.split("\n")
    assert first.startswith("[lines 1-20 left out, same as above in `cat 0`")
    assert line == "    21\t    step_20 = prepare(step_19, limit=99)"
    assert last.startswith("[lines 22-40 left out")


def test_numbers_that_moved_are_told() -> None:
    moved = numbered(FILE, 101)
    assert "[lines 101-140 left out" in without_repeats(moved, view([numbered(FILE)]))


def test_the_same_lines_in_another_order_are_no_repeat() -> None:
    backwards = "\n".join(reversed(FILE.split("\n")))
    assert without_repeats(backwards, view([FILE])) == backwards


def test_a_recursion_is_shown_once() -> None:
    frame = [
        '  File "/src/tree.py", line 7, in walk',
        "    walk(node.left)",
        "    ^^^^",
    ]
    text = "\n".join(["Traceback:", *frame * 300, "RecursionError: too deep"])
    assert without_repeats(text, Seen()).split("\n") == [
        "Traceback:",
        *frame,
        "[897 lines left out, same as above in this result: "
        "'File \"/src/tree.py\", line 7...' to 'walk(node.left)']",
        "RecursionError: too deep",
    ]


@given(RECURSIONS)
@settings(deadline=None)
def test_what_repeats_in_one_result_stays_once(text: str) -> None:
    short = arrived(text, Seen()).text.split("\n")
    assert set(text.split("\n")) <= set(short)


def test_passes_are_counted_and_failures_kept() -> None:
    lines = [f"tests/a.py::test_{i} PASSED [{i:3d}%]" for i in range(20)]
    lines[9] = "tests/a.py::test_9 FAILED [  9%]"
    assert distilled("\n".join(lines)).split("\n") == [
        lines[0],
        "[7 lines left out: passed tests]",
        lines[8],
        lines[9],
        lines[10],
        "[8 lines left out: passed tests]",
        lines[19],
    ]


def test_packages_keep_their_names() -> None:
    lines = [
        f"Requirement already satisfied: {name} in /usr/lib/python3 (from x) (1.0)"
        for name in ("numpy", "pytest-mock", "attrs", "toml", "six")
    ]
    assert distilled("\n".join(lines)).split("\n") == [
        lines[0],
        "[3 lines left out, satisfied too: pytest-mock attrs toml]",
        lines[4],
    ]


def test_matches_of_a_search_name_their_file_once() -> None:
    text = "src/long/path/a.py:12:x = 1\nsrc/long/path/a.py:30:x = 2\nb.py:1:x = 3"
    assert distilled(text) == "src/long/path/a.py:\n12:x = 1\n30:x = 2\nb.py:1:x = 3"


def test_of_a_progress_bar_the_last_state_stays() -> None:
    assert distilled("a\r 10%\r 50%\r100%\nEnd") == "100%\nEnd"


def test_errors_drawn_over_stay() -> None:
    assert distilled("1%\rERROR: disk full\r100%") == "ERROR: disk full\n100%"
