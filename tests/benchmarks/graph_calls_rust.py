"""Write the calls of Rust crates as rustc types them, as a sites file.

    RUSTC_BOOTSTRAP=1 rustc --crate-type lib ... -Zunpretty=thir-flat src/lib.rs > F
    python tests/benchmarks/graph_calls_rust.py ROOT F... > SITES
    python tests/benchmarks/graph_calls.py ROOT --sites SITES

Run rustc in ROOT, once a crate, with the crate's dependencies as ``--extern`` (their
``--emit=metadata`` is enough). A call of a trait's method counts for the method of the
``impl`` block where the receiver's type is one of the crates', and for the trait's
declaration elsewhere. Calls that macros expand to have no place in the source: they
are left out, as are operators, struct literals and variants.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from os.path import commonpath, dirname
from pathlib import Path


BODY = re.compile(r"DefId\(\d+:\d+ ~ (\S+)\):$")
CALLEE = re.compile(r"^ {20}DefId\(\d+:\d+ ~ (\S+)\),")
SPAN = re.compile(r"(?:fn_)?span: (\S+?):(\d+):(\d+): (\d+):(\d+) \(#0\)")
RECEIVER = re.compile(
    r"^ {24}(?:&'\{erased\} (?:mut )?)?((?:\w+::)*\w+(?![\w/])|\[\w+(?:/#\d+)?\])"
)
IMPL = re.compile(
    r"\bimpl\b(?:\s*<.*?>)?\s+(?:(.*?)\s+for\s+)?(.*?)\s*(?:where\b|\{|$)"
)


@dataclass
class Call:
    """A call as it is read off, its function's name still to be found."""

    body: str
    fun: int = -1
    callee: str = ""
    receiver: str = ""
    written: bool = False


@dataclass
class Crates:
    """Where the bodies of all crates are, and what calls what."""

    root: Path
    bodies: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Compiler's path of a function to its file and 1-based line."""
    methods: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """(trait, type, method) to the functions of ``impl`` blocks for types so named."""
    sites: list[tuple[str, Call]] = field(default_factory=list)
    declared: dict[tuple[str, str], tuple[str, int] | None] = field(
        default_factory=dict
    )

    def read(self, file: Path) -> None:
        """Take in what rustc wrote of one crate."""
        for body, lines in bodies(file):
            spans: dict[int, str] = {}
            found: list[Call] = []
            for at, text in expressions(lines):
                self._expression(body, at, text, spans, found)
            self._home(body, lines)
            for call in found:
                place = spans.get(call.fun)
                if place:
                    self.sites.append((place, call))

    def _expression(
        self,
        body: str,
        at: int,
        text: list[str],
        spans: dict[int, str],
        out: list[Call],
    ) -> None:
        span = SPAN.search(text[-1])
        if span:
            spans[at] = self._last_name(*span.groups())
        if not text[0].endswith("kind: Call {"):
            return
        call = Call(body)
        for number, line in enumerate(text):
            callee = CALLEE.match(line)
            if callee and not call.callee:
                call.callee = callee[1]
                first = RECEIVER.match("".join(text[number + 2 : number + 3]))
                # `T/#0` is the type parameter T
                call.receiver = re.sub(r"/#\d+", "", first[1]) if first else ""
            if line.startswith(" " * 16 + "fun: e"):
                call.fun = int(line.strip(" ,fun:e\n"))
            call.written |= "from_hir_call: true" in line
        if call.callee and call.written:
            out.append(call)

    def _last_name(self, path: str, line: str, col: str, end: str, to: str) -> str:
        """Return the place of the last name of ``a::b::<T>`` as path:line:column."""
        lines = source(self.root / path)
        if line != end or int(line) > len(lines):
            return ""
        text = lines[int(line) - 1].encode()[int(col) - 1 : int(to) - 1]
        text = re.sub(rb"::<.*$", b"", text)
        names = list(re.finditer(rb"\w+", text))
        return f"{path}:{line}:{int(col) + names[-1].start()}" if names else ""

    def _home(self, body: str, lines: list[str]) -> None:
        """Find the line of ``fn name`` above the first place in a body."""
        name = body.rpartition("::")[2]
        spans = (SPAN.search(line) for line in lines)
        places = [(m[1], int(m[2])) for m in spans if m]
        if not places:
            return
        path, line = min(places, key=lambda place: place[1])
        text = source(self.root / path)
        for at in range(min(line, len(text)) - 1, -1, -1):
            if re.search(rf"\bfn {re.escape(name)}\b", text[at]):
                self.bodies[body] = path, at + 1
                if "{impl#" in body:
                    self._method(body, name, text, at)
                return

    def _method(self, body: str, name: str, text: list[str], at: int) -> None:
        for start in range(at, -1, -1):
            if re.match(r"\s*(?:unsafe )?impl\b", text[start]):
                header = " ".join(text[start : start + 4])
                match = IMPL.search(header)
                if match:
                    trait, owner = simple(match[1] or ""), simple(match[2])
                    self.methods.setdefault((trait, owner, name), []).append(body)
                return

    def home(self, call: Call) -> tuple[str, int] | None:
        """Return where what a call means is defined."""
        known = self.bodies.get(call.callee)
        owner, _, name = call.callee.rpartition("::")
        trait = owner.rpartition("::")[2]
        if not trait.startswith("{impl#"):
            own = self._implemented(trait, call, name)
            known = self.bodies[own] if own else known
        if known is None and (owner, name) not in self.declared:
            self.declared[owner, name] = self._declared(owner, trait, name)
        return known or self.declared[owner, name]

    def _implemented(self, trait: str, call: Call, name: str) -> str | None:
        """Return the method of the receiver's type, nearest to where that is."""
        place, _, owner = call.receiver.rpartition("::")
        crates = {body.partition("[")[0] for body in self.bodies}
        if place.partition("::")[0] not in crates:
            place = f"{call.body.partition('[')[0]}::{place}".strip(":")
        found = {
            re.sub(r"\[\w+\]", "", body).partition("::{impl#")[0]: body
            for body in self.methods.get((trait, owner, name), ())
        }
        crate = place.partition("::")[0]
        # a file that defines a type of that name implements the trait for its own,
        # which modules above may export
        own = re.compile(rf"\b(?:struct|enum|union)\s+{re.escape(owner)}\b")
        near = [
            module
            for module, body in found.items()
            if module.partition("::")[0] == crate
            and (
                module.startswith(place)
                or not any(map(own.search, source(self.root / self.bodies[body][0])))
            )
        ]
        if place in found or len(near) == 1:
            return found[place if place in found else near[0]]
        return None

    def _declared(self, owner: str, trait: str, name: str) -> tuple[str, int] | None:
        """Find a trait's method without a body in the crate that it is of."""
        crate = owner.partition("[")[0] + "["
        paths = {p for body, (p, _) in self.bodies.items() if body.startswith(crate)}
        # a file may hold a trait and what macros make, and so no body of its own
        top = self.root / (commonpath(map(dirname, paths)) if paths else "")
        files = sorted(p.relative_to(self.root).as_posix() for p in top.rglob("*.rs"))
        for path in files:
            lines = source(self.root / path)
            inside = ""
            for at, line in enumerate(lines):
                if re.match(rf"\s*(?:pub.*\s)?(?:unsafe )?trait {trait}\b", line):
                    inside = line[: len(line) - len(line.lstrip())] + "}"
                elif inside and line.rstrip() == inside:
                    inside = ""
                elif inside and re.search(rf"\bfn {re.escape(name)}\b", line):
                    return path, at + 1
        return None


def simple(text: str) -> str:
    """Return the name of a type without path, lifetime and parameters."""
    text = re.sub(r"<.*", "", text.replace("'", " ").replace("&", " "))
    return text.strip().rpartition("::")[2].rpartition(" ")[2]


@cache
def source(path: Path) -> list[str]:
    """Return a file's lines."""
    return path.read_text("utf-8").split("\n") if path.exists() else []


def bodies(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the compiler's path and the text of each function."""
    name, lines = "", []
    with file.open(encoding="utf-8", errors="replace") as text:
        for line in text:
            match = BODY.match(line) if line.startswith("DefId(") else None
            if match:
                if name:
                    yield name, lines
                name, lines = match[1], []
            else:
                lines.append(line)
    if name:
        yield name, lines


def expressions(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the text of each expression of a function."""
    number, text = -1, []
    for line in lines:
        if line == "        Expr {\n":
            number, text = number + 1, []
        elif line == "        },\n" and text:
            yield number, text
            text = []
        elif number >= 0 and (text or line.startswith("            kind:")):
            text.append(line.rstrip("\n"))


def main() -> None:
    """Print the sites file."""
    crates = Crates(Path(sys.argv[1]).resolve())
    for file in sys.argv[2:]:
        crates.read(Path(file))
    for place, call in crates.sites:
        home = crates.home(call)
        print(f"{place}\t{f'{home[0]}:{home[1]}' if home else ''}")


if __name__ == "__main__":
    main()
