"""Text that is not of its format, or means harm."""

from __future__ import annotations

import pytest

from openhands_tiered_router.config.parse import SyntaxProblem, parse


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n"
    for p, n in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("suffix", "text", "line", "message", "remedy"),
    [
        (".toml", "a = 1\nb = \n", 2, "is not valid TOML", "line"),
        (".toml", "a = 1\na = 2", None, "is not valid TOML", "line"),
        (".yaml", "tiers: [", 1, "is not valid YAML", "line"),
        (".yml", "a:\n  b: 1\n  b: 2", 3, "gives the key b twice", "Keep one"),
        (".yaml", "a: !!python/object/apply:os.getcwd []", 1, "not valid", "line"),
        (".yaml", BOMB, None, "holds more than", "aliases"),
        (".yaml", "a: &a [*a]", None, "nests them", "aliases"),
        (".json", '{\n\n"tiers"\n}', 4, "is not valid JSON", "line"),
        (".json", '{"a": 1, "a": 2}', None, "key a twice", "Keep one"),
        (".json", "[" * 100_000, None, "nested too deeply", "Flatten"),
    ],
)
def test_what_is_not_of_its_format_is_told_with_its_line(
    suffix: str, text: str, line: int | None, message: str, remedy: str
) -> None:
    with pytest.raises(SyntaxProblem, match=message) as caught:
        parse(text, suffix)
    assert caught.value.line == line
    assert remedy in caught.value.remedy
