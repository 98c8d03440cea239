"""Turning the bytes of a TOML, YAML or JSON file into plain data."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

import yaml

from openhands_tiered_router.redaction import HIDDEN, looks_secret


MAX_VALUES: Final = 10_000
"""Values that a YAML file may hold once its aliases are followed."""


class SyntaxProblem(ValueError):
    """The text is not of its format. Holds no part of the text but key names."""

    def __init__(self, message: str, remedy: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.line = line


def parse(text: str, suffix: str) -> Any:
    """The content of ``text``, in the format that the file's ``suffix`` names.

    Raises:
        SyntaxProblem: The text cannot be read, names a key twice, or is too deep.
        KeyError: There is no format of that suffix.
    """
    read = PARSERS[suffix]
    try:
        return read(text)
    except RecursionError:
        raise SyntaxProblem("is nested too deeply", "Flatten it") from None


def _parse_toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        place = str(error).rpartition("(at line ")[2].partition(",")[0]
        line = int(place) if place.isdecimal() else None
        raise SyntaxProblem(
            f"is not valid TOML: {_without_secret(str(error))}",
            "Correct the line",
            line,
        ) from None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique_object)
    except json.JSONDecodeError as error:
        raise SyntaxProblem(
            f"is not valid JSON: {error.msg}", "Correct the line", error.lineno
        ) from None
    except SyntaxProblem:
        raise
    except ValueError:
        raise SyntaxProblem(
            "is not valid JSON: a number is too long", "Shorten the number"
        ) from None


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            _refuse_twice(key)
        table[key] = value
    return table


def _parse_yaml(text: str) -> Any:
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_tree(node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblem(
            f"is not valid YAML: {_without_secret(error.problem or 'unreadable')}",
            "Correct the line",
            mark.line + 1 if mark else None,
        ) from None
    except SyntaxProblem:
        raise
    except (yaml.YAMLError, ValueError, TypeError):
        raise SyntaxProblem(
            "is not valid YAML: it holds a value that cannot be read",
            "Quote values that are meant as text",
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_tree(root: yaml.Node) -> None:
    """Refuses keys given twice, and alias bombs: aliases are followed here."""
    waiting: list[tuple[int, yaml.Node]] = [(0, root)]
    count = 0
    while waiting:
        depth, node = waiting.pop()
        count += 1
        if count > MAX_VALUES or depth > 100:
            raise SyntaxProblem(
                f"holds more than {MAX_VALUES} values, or nests them too deeply",
                "Remove aliases (*name) that multiply, and what is not configuration",
            )
        if isinstance(node, yaml.SequenceNode):
            waiting += [(depth + 1, item) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            _check_keys(key for key, _ in node.value)
            waiting += [(depth + 1, value) for _, value in node.value]


def _check_keys(keys: Iterable[yaml.Node]) -> None:
    seen: set[str] = set()
    for key in keys:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                _refuse_twice(key.value, key.start_mark.line + 1)
            seen.add(key.value)


def _refuse_twice(key: str, line: int | None = None) -> NoReturn:
    raise SyntaxProblem(
        f"gives the key {_without_secret(key[:60])} twice", "Keep one of them", line
    )


def _without_secret(text: str) -> str:
    return HIDDEN if looks_secret(text) else text


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    ".toml": _parse_toml,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
    ".json": _parse_json,
}
"""The formats, by the file's suffix, in the order in which they are looked for."""
