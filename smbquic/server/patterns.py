"""Matches file names with search expressions. [MS-FSA] 2.1.4.4

Besides ``*`` and ``?`` there are three wildcards with which Windows spells what DOS meant:
``<`` (DOS_STAR), ``>`` (DOS_QM) and ``"`` (DOS_DOT). A client chooses the expression, so matching
must not be something it can make slow: a name is matched in time proportional to its length
times the expression's, never by backtracking over several stars.
"""

import re
from collections.abc import Callable

from smbquic.storage.names import fold

WILDCARDS = frozenset('*?<>"')
_STARS = "*<"
_FORBIDDEN = re.compile(r"[\x00-\x1f/\\:|]")
_MAX_LENGTH = 255
_LAST_DOT = "\x00"  # no name holds it, so it can mark the period that DOS_STAR must not eat


def has_wildcards(expression: str) -> bool:
    """Return whether the expression is more than a plain name."""
    return not WILDCARDS.isdisjoint(expression)


def is_valid(expression: str) -> bool:
    """Return whether an expression is valid: a component, possibly with wildcards."""
    return 0 < len(expression) <= _MAX_LENGTH and _FORBIDDEN.search(expression) is None


def compile_expression(expression: str) -> Callable[[str], bool]:
    """Return a predicate for the names that match the expression, whatever their case.

    A ``?`` counts UTF-16 code units, as the wire does.
    """
    if expression in ("*", "*.*"):
        return bool
    folded = _fold(expression)
    if "<" in folded[_first_star(folded) + 1 :]:
        return _simulate(folded)
    match = re.compile(_regex(folded), re.DOTALL).fullmatch
    if "<" in folded:
        return lambda name: match(_mark_last_dot(_fold(name))) is not None
    return lambda name: match(_fold(name)) is not None


def _fold(name: str) -> str:
    """Return a name without its case, with one character for each UTF-16 code unit."""
    if not name.isascii() and max(name) > "\uffff":
        units = name.encode("utf-16-le", "surrogatepass")
        name = "".join(
            chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2)
        )
    return fold(name)


def _first_star(expression: str) -> int:
    return next((at for at, sign in enumerate(expression) if sign in _STARS), len(expression))


def _mark_last_dot(name: str) -> str:
    head, dot, tail = name.rpartition(".")
    return f"{head}{_LAST_DOT}{tail}" if dot else name


def _regex(expression: str) -> str:
    """Translate an expression in which no DOS_STAR follows another star.

    What stands between two stars may be matched as far left as possible, because ``*`` takes all
    that then remains: an atomic group says so, and is what keeps the time linear. DOS_QM and
    DOS_DOT do not spoil that: from a later place they never end at an earlier one.
    """
    head, *segments = re.split("([*<])", expression)
    pattern = _segment(head)
    stars, tails = segments[::2], segments[1::2]
    for number, (star, tail) in enumerate(zip(stars, tails, strict=True), 1):
        anything = ".*?" if star == "*" else f"[^{_LAST_DOT}]*?"
        pattern += (
            f"{anything}{_segment(tail)}"
            if number == len(stars)
            else (f"(?>{anything}{_segment(tail)})")
        )
    return pattern


_SIGNS = {
    "?": ".",
    ".": rf"[.{_LAST_DOT}]",
    '"': rf"(?:[.{_LAST_DOT}]|\Z)",
    ">": rf"(?:[^.{_LAST_DOT}]|(?=[.{_LAST_DOT}])|\Z)",
}


def _segment(text: str) -> str:
    return "".join([_SIGNS.get(sign) or re.escape(sign) for sign in text])


def _simulate(expression: str) -> Callable[[str], bool]:
    """Match by a nondeterministic automaton; bit n is the state after n characters."""
    size = len(expression)
    stars = sum(1 << at for at, sign in enumerate(expression) if sign == "*")
    dos_stars = sum(1 << at for at, sign in enumerate(expression) if sign == "<")
    dos_dots = sum(1 << at for at, sign in enumerate(expression) if sign == '"')
    dos_marks = sum(1 << at for at, sign in enumerate(expression) if sign == ">")
    single = sum(1 << at for at, sign in enumerate(expression) if sign == "?")
    literal: dict[str, int] = {}
    for at, sign in enumerate(expression):
        if sign not in WILDCARDS:
            literal[sign] = literal.get(sign, 0) | 1 << at

    def skip(states: int, skippable: int) -> int:
        """Add what is reached without a character: the sum's carry runs through the skippables."""
        return states | (((states & skippable) + skippable) ^ skippable)

    def matches(name: str) -> bool:
        folded = _fold(name)
        last_dot = folded.rfind(".")
        states = 1
        for at, sign in enumerate(folded):
            is_dot = sign == "."
            states = skip(states, stars | dos_stars | (dos_marks if is_dot else 0))
            stay = states & (stars if at == last_dot else stars | dos_stars)
            step = single | literal.get(sign, 0) | (dos_dots if is_dot else dos_marks)
            states = stay | (states & step) << 1
            if not states:
                return False
        states = skip(states, stars | dos_stars | dos_dots | dos_marks)
        return bool(states >> size & 1)

    return matches
