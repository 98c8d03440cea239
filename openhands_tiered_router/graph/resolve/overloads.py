"""Which of the definitions that share a name a call means."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from openhands_tiered_router.graph.arguments import Texts


type Twin = tuple[str, Texts | None]
"""Qualified name and parameters of one of several definitions of a name."""

KEPT: Final = 16_384
"""Pairs of parameters and arguments whose fit is kept, about 3 MB: few are new."""

_ANY: Final = (
    "Object object Any any unknown auto dynamic Serializable Comparable var val"
)
_ANYTHING: Final = frozenset(_ANY.split())
"""Types that take (nearly) every argument."""
_NUMERIC: Final = (
    "byte short int long float double number Byte Short Int Integer Long Float Double"
    " Number BigDecimal BigInteger decimal uint ulong ushort sbyte size_t"
)
_NUMBERS: Final = frozenset(_NUMERIC.split())
_WIDER: Final = ("byte", "short", "int", "long", "float", "double")
"""What Java and C# convert a number to unasked, the nearest first."""
_EXACT: Final = 8
_NAMED: Final = 4
_BOXED: Final = 2
_BOXES: Final = {
    "byte": "Byte",
    "short": "Short",
    "int": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "char": "Character",
}
FINAL: Final = frozenset((*_BOXES, *_BOXES.values(), "String"))
"""Types of Java that no other type is."""
_OF: Final = {
    "Number": frozenset(_BOXES) | frozenset(_BOXES.values()),
    **{kind: frozenset({"char"}) for kind in ("int", "long", "float", "double")},
}
"""What converts to a type unasked, beyond `_WIDER` and boxing."""
SUPER: Final = "<"
"""Between the name of an argument's type and those of what it inherits."""
_COLLECTIONS: Final = ("List", "Set", "Queue", "Deque", "Collection")
_KINDS: Final = {
    "Iterable": _COLLECTIONS,
    "Collection": _COLLECTIONS,
    "Appendable": ("Writer", "StringBuilder", "StringBuffer", "PrintStream"),
    "CharSequence": ("StringBuilder", "StringBuffer", "String"),
}
"""Endings of the names of a type's subtypes, where that is not its own name."""
UNIVERSAL: Final = {
    "toString": "String",
    "ToString": "String",
    "getClass": "Class",
    "substring": "String",
    "trim": "String",
    "toLowerCase": "String",
    "toUpperCase": "String",
    "equals": "boolean",
    "isEmpty": "boolean",
    "hashCode": "int",
}
"""What methods that every object has give, in any language with overloads."""
USUAL: Final = {
    **dict.fromkeys(["length", "size", "indexOf", "compareTo", "compare"], "int"),
    **{f"{kind}Value": kind for kind in (*_BOXES, "char")},
    **dict.fromkeys(["lineSeparator", "format", "join", "concat", "replace"], "String"),
    **dict.fromkeys(["contains", "startsWith", "endsWith", "hasNext"], "boolean"),
    **{"charAt": "char", "toPath": "Path", "toFile": "File", "asList": "List"},
    **{"getBytes": "byte[]", "toByteArray": "byte[]", "toCharArray": "char[]"},
    **dict.fromkeys(["getName", "getMessage", "getString", "getProperty"], "String"),
    **dict.fromkeys(["getSimpleName", "name", "readLine"], "String"),
    **{"parseInt": "int", "parseLong": "long", "currentTimeMillis": "long"},
}
"""What methods of Java's own types give, where the workspace has none."""
_TEXTS: Final = frozenset({"String", "CharSequence", "char", "Character", "Char"})
_TRUTHS: Final = frozenset({"boolean", "Boolean"})
_CLASSES: Final = frozenset({"Class", "Type", "KClass"})
_PRIMITIVE: Final = frozenset((*_WIDER, "boolean", "char"))
_PRIMITIVE_ARRAYS: Final = frozenset(f"{kind}[]" for kind in _PRIMITIVE)
_PROMOTED: Final = {"byte": "int", "short": "int", "char": "int"}
_UNTYPED: Final = {
    "null": _PRIMITIVE,
    "lambda": _PRIMITIVE | _NUMBERS | _TEXTS | _TRUTHS | _CLASSES,
}
"""Arguments that have no type of their own, and what they never are."""
_CLOSED: Final = (_NUMBERS, _TEXTS, _TRUTHS, _CLASSES)
"""An argument of one of these groups is never taken by a parameter of another."""


def computed(parts: list[str]) -> str:
    """Return the type of a sum of arguments of some types, "" if that is open."""
    if "String" in parts:
        return "String"
    numbers = [_PROMOTED.get(part, part) for part in parts]
    if not all(part in _WIDER for part in numbers):
        return ""
    return max(numbers, key=_WIDER.index)


def chosen(
    twins: Iterable[Twin], arguments: Texts, *, strict: bool = False
) -> tuple[int, tuple[str, ...]]:
    """Return the definitions that a call may mean, by number and type of arguments.

    Args:
        twins: The definitions of the name.
        arguments: Simple names of types, "" for an unknown one, ``*`` for any
            number of arguments; `SUPER` may add what a type inherits.
        strict: Whether the language converts nothing to a type of the workspace
            unasked, as Java.

    Returns:
        How well they fit, and one name where the choice is clear, none where no
        definition takes such arguments.
    """
    worths = [(name, _worth(listed, arguments, strict)) for name, listed in twins]
    best = max((worth for _, worth in worths), default=-1)
    if best < 0:
        return best, ()
    return best, tuple(name for name, worth in worths if worth == best)


def applicable(twins: Iterable[Twin], arguments: Texts) -> list[Twin]:
    """Return the definitions that take as many arguments, whatever their types."""
    return [twin for twin in twins if _worth(twin[1], arguments, False) >= 0]


@lru_cache(maxsize=KEPT)
def _worth(parameters: Texts | None, arguments: Texts, strict: bool) -> int:
    """Return how well the declared types fit the arguments; -1: not callable."""
    if parameters is None:
        return 0
    if any(":" in text for text in (*parameters, *arguments)):
        return _labelled(parameters, arguments)
    least = sum(not text.endswith(("?", "*")) for text in parameters)
    many = any(text.endswith("*") for text in parameters)
    spread = "*" in arguments
    given = len(arguments) - spread
    if given > len(parameters) and not many or given < least and not spread:
        return -1
    # a definition without optional parameters is preferred, as compilers do
    exact = 0
    for parameter, argument in zip(parameters, arguments, strict=False):
        fit = _fit(parameter.rstrip("?*"), argument, strict)
        if argument == "*" or parameter.endswith("*"):
            break
        if fit < 0:
            return -1
        exact += fit
    return 2 * exact + (given == len(parameters) and not many)


def _labelled(parameters: Texts, arguments: Texts) -> int:
    """Return the same where arguments name their parameters by labels (Swift)."""
    left, exact, label = list(arguments), 0, ""
    for parameter in parameters:
        name, _, kind = parameter.partition(":")
        met = 0
        while left and (left[0].partition(":")[0] == name or met and kind[-1:] == "*"):
            if met and not left[0].startswith("_:"):
                break
            label, _, argument = left.pop(0).partition(":")
            fit = _fit(kind.rstrip("?*"), argument.strip("'"))
            if fit < 0:
                return -1
            exact, met = exact + fit, met + 1
            if kind[-1:] != "*":
                break
        if not met and left[:1] == ["*"]:
            left.pop()  # the closure behind the call
        elif not met and kind[-1:] not in ("?", "*"):
            return -1
    return -1 if left else 2 * exact + (len(parameters) == len(arguments))


def _fit(parameter: str, argument: str, strict: bool = False) -> int:
    """Return `_EXACT` for equal types, -1 for such as exclude each other, else less."""
    if not parameter or not argument or argument == "*":
        return 0
    if parameter == argument:
        return _EXACT
    argument, *above = argument.split(SUPER)
    if parameter == argument or parameter in above and parameter not in _ANYTHING:
        nearness = _EXACT - above.index(parameter) - 1 if parameter in above else _EXACT
        return max(_NAMED, nearness)
    if argument in _UNTYPED:
        # where there is a functional type, too, that is preferred to a type variable
        variable = argument == "lambda" and len(parameter) == 1
        return -1 if variable or parameter in _UNTYPED[argument] else 0
    if parameter in _WIDER and argument in _WIDER:
        wider = _WIDER.index(parameter) - _WIDER.index(argument)
        return _EXACT - wider if wider > 0 else -1
    if parameter in _ANYTHING or len(parameter) == 1:
        return 0
    if strict and len(argument) > 1 and (_is_final(parameter) or _is_final(argument)):
        return _converted(parameter, argument)
    if _is_like(argument, parameter):
        return _NAMED
    for group in _CLOSED:
        if argument in group:
            takes = parameter in group or not strict and _open(parameter)
            return 0 if takes or parameter.isupper() else -1
    return 0


def _is_final(kind: str) -> bool:
    """Whether no other type of Java is of this one, except for arrays of objects."""
    return kind in FINAL or kind.endswith("[]")


def _converted(parameter: str, argument: str) -> int:
    """Return how well a type of Java fits that is not extended: by boxing, or not."""
    if _BOXES.get(argument) == parameter or _BOXES.get(parameter) == argument:
        return _BOXED
    is_text = argument == "String" and parameter == "CharSequence"
    if parameter.endswith("[]") and argument.endswith("[]"):
        of_objects = not {parameter, argument} & _PRIMITIVE_ARRAYS
        return _fit(parameter[:-2], argument[:-2]) if of_objects else -1
    return _NAMED if is_text or argument in _OF.get(parameter, ()) else -1


def _is_like(argument: str, parameter: str) -> bool:
    """Whether a name says that a type is of another: ``StringReader``, ``Reader``."""
    kinds = _KINDS.get(parameter, (parameter,))
    return argument[:1].isupper() and argument.endswith(kinds)


def _open(parameter: str) -> bool:
    """Whether a type belongs to no closed group, so that it may be converted to."""
    return not any(parameter in group for group in _CLOSED)
