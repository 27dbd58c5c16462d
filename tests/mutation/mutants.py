"""Chooses small changes to the package, which its tests have to notice.

The changes are those of cosmic-ray, and the removal of a statement that is only a call.
"""

import ast
import dataclasses
import importlib
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword

from tests.mutation.trial import PROJECT, ROOMS, Mutant, shares


class RemoveCall:
    """Replaces a statement that is only a call by `pass`; an operator as cosmic-ray has them."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Where the operator applies to a node: nowhere, or once."""
        if node.type == "simple_stmt" and _is_call(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The node without its call."""
        first = node.get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, first.prefix)
        return node


def mutated(mutant: Mutant) -> str:
    """The module's text with the change."""
    text = (PROJECT / mutant.module).read_text()
    changed: str = mutate_code(text, _operators()[mutant.operator], mutant.occurrence)
    return changed


def sample(count: int, seed: int, rooms: tuple[str, ...] = ROOMS) -> list[Mutant]:
    """So many different mutants, from each room in proportion to its lines of text."""
    chance = random.Random(seed)
    sizes = {room: sum(_modules(room).values()) for room in rooms}
    return [
        mutant
        for room, share in shares(count, sizes).items()
        for mutant in _of_room(room, share, chance)
    ]


def _of_room(room: str, count: int, chance: random.Random) -> list[Mutant]:
    sizes = _modules(room)
    found: dict[Mutant, None] = {}
    while len(found) < count:
        [module] = chance.choices(list(sizes), list(sizes.values()))
        places = _places(module)
        if not places:
            continue
        # A place counts once, and not once for each of the operators that fit it.
        operator, occurrence, line = chance.choice(places[chance.choice(list(places))])
        mutant = _mutant(room, module, operator, occurrence, line)
        if mutant is not None:
            found[mutant] = None
    return list(found)


def _modules(room: str) -> dict[str, int]:
    """The modules of a room, as paths below the project, and how many lines each has."""
    return {
        str(path.relative_to(PROJECT)): len(path.read_text().splitlines())
        for path in sorted((PROJECT / "smbquic" / room).rglob("*.py"))
    }


@cache
def _operators() -> dict[str, Any]:
    names = [name for name in operator_names() if not get_operator(name).arguments()]
    operators = {name: get_operator(name)() for name in names if _is_meaningful(name)}
    return {**operators, "RemoveCall": RemoveCall()}


def _is_meaningful(name: str) -> bool:
    """Leave out `==` for `is` and the like, which differ by chance, and orders of identities."""
    family, *change = name.rpartition("/")[2].split("_")
    if family != "ReplaceComparisonOperator":
        return True
    identities = [each in ("Is", "IsNot") for each in change]
    return all(identities) or not any(identities)


@cache
def _places(module: str) -> dict[tuple[int, int], list[tuple[str, int, int]]]:
    """By place in a module's text: each operator that fits, its occurrence, and the line."""
    text = (PROJECT / module).read_text()
    unused = _without_effect(text)
    same = _same_results(text, module)
    nodes = list(ast_nodes(get_ast(text)))
    found: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    for name, operator in _operators().items():
        positions = [place for node in nodes for place, _ in operator.mutation_positions(node)]
        for occurrence, place in enumerate(positions):
            if place not in unused and place not in same.get(name, ()):
                found.setdefault(place, []).append((name, occurrence, place[0]))
    return found


class _Ranges(list[tuple[tuple[int, int], tuple[int, int]]]):
    """Parts of a text, from one position up to another one."""

    def __contains__(self, place: object) -> bool:
        return any(start <= place < end for start, end in self)  # type: ignore[operator]


def _without_effect(text: str) -> _Ranges:
    """Where a change means nothing when the program runs: types, and what they check.

    That is `slots`, `frozen` and, of a whole dataclass, `kw_only`; and the `*` before parameters
    that are given by name.
    """
    found = _Ranges()
    for node in ast.walk(ast.parse(text)):
        parts: list[ast.AST | None] = []
        match node:
            case ast.arg() | ast.AnnAssign():
                parts = [node.annotation]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts = [node.returns]
                if node.args.kwonlyargs and node.args.vararg is None:
                    found.append(_before_keywords(node))
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                parts = [node]
            case ast.keyword(arg="slots" | "frozen"):
                parts = [node.value]
            case ast.ClassDef() if any(ast.unparse(each) == "Protocol" for each in node.bases):
                # What is only described here is there for type checkers.
                for method in node.body:
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and all(
                        isinstance(each, ast.Expr) for each in method.body
                    ):
                        start = min(each.lineno for each in (method, *method.decorator_list))
                        found.append(((start, 0), ((method.end_lineno or 0) + 1, 0)))
            case ast.ClassDef():
                calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
                options = [each for call in calls for each in call.keywords]
                parts = [each.value for each in options if each.arg == "kw_only"]
        for part in parts:
            if isinstance(part, ast.expr | ast.stmt):
                end = (part.end_lineno or 0, part.end_col_offset or 0)
                found.append(((part.lineno, part.col_offset), end))
    return found


def _before_keywords(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the `*` of a function's parameters is, and nothing else that could be changed."""
    arguments = function.args
    first = arguments.kwonlyargs[0]
    positional = [*arguments.posonlyargs, *arguments.args]
    before = [*positional, *(arguments.defaults if positional else ())]
    start = max(
        ((each.end_lineno or 0, each.end_col_offset or 0) for each in before),
        default=(function.lineno, function.col_offset),
    )
    return start, (first.lineno, first.col_offset)


def _same_results(text: str, module: str) -> dict[str, _Ranges]:
    """By operator, where it gives what was there before.

    That is the sum, or the exclusive or, of constants that have no bit in common, where it is as
    much of a flag as before; and a dataclass without fields of its own, whose methods are those of
    its base without the decorator, too.
    """
    added, exclusive, undecorated = _Ranges(), _Ranges(), _Ranges()

    def visit(node: ast.AST, names: dict[str, Any]) -> None:
        match node:
            case ast.BinOp(_, ast.BitOr(), _) if _constant(node, names) is not None:
                for sign, found in (("+", added), ("^", exclusive)):
                    found.extend(_unchanged_by(sign, node, text, names))
                return
            case ast.ClassDef():
                kind = names.get(node.name)
                if isinstance(kind, type):
                    names = {**names, **getattr(kind, "__members__", vars(kind))}
                    if _inherits_its_dataclass(kind):
                        undecorated.extend(
                            ((each.lineno, 0), (each.lineno + 1, 0)) for each in node.decorator_list
                        )
        for child in ast.iter_child_nodes(node):
            visit(child, names)

    visit(ast.parse(text), vars(importlib.import_module(module[:-3].replace("/", "."))))
    return {
        "core/ReplaceBinaryOperator_BitOr_Add": added,
        "core/ReplaceBinaryOperator_BitOr_BitXor": exclusive,
        "core/RemoveDecorator": undecorated,
    }


def _unchanged_by(
    sign: str, whole: ast.BinOp, text: str, names: dict[str, Any]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """In an expression of constants, each `|` for which `sign` does the same."""
    content = text.encode()
    lines = content.splitlines(keepends=True)
    offset = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    begin = offset[whole.lineno - 1] + whole.col_offset
    source = content[begin : offset[(whole.end_lineno or 0) - 1] + (whole.end_col_offset or 0)]
    expected = _constant(whole, names)
    for node in ast.walk(whole):
        if not isinstance(node, ast.BinOp):
            continue
        left, right = node.left, node.right
        start = (left.end_lineno or 0, left.end_col_offset or 0)
        place = source.index(b"|", offset[start[0] - 1] + start[1] - begin)
        changed = b"(" + source[:place] + sign.encode() + source[place + 1 :] + b")"
        value = _value(ast.parse(changed, mode="eval"), names)
        if value == expected and type(value) is type(expected):
            yield start, (right.lineno, right.col_offset)


def _constant(node: ast.expr, names: dict[str, Any]) -> Any:
    """The number that an expression of constants stands for; None for all else."""
    # No other operators, which might bind more loosely than what comes in place of `|`.
    parts = ast.Name | ast.Attribute | ast.Constant | ast.BinOp | ast.BitOr | ast.expr_context
    if not all(isinstance(each, parts) for each in ast.walk(node)):
        return None
    return _value(ast.Expression(node), names)


def _value(expression: ast.Expression, names: dict[str, Any]) -> Any:
    try:
        value = eval(compile(expression, "", "eval"), names)
    except (AttributeError, NameError, TypeError, ValueError):
        return None
    return value if isinstance(value, int) else None


def _inherits_its_dataclass(kind: type) -> bool:
    base = kind.__base__
    if not (base and dataclasses.is_dataclass(kind) and dataclasses.is_dataclass(base)):
        return False
    return dataclasses.fields(kind) == dataclasses.fields(base)


def _mutant(room: str, module: str, operator: str, occurrence: int, line: int) -> Mutant | None:
    before = (PROJECT / module).read_text()
    try:
        after = mutate_code(before, _operators()[operator], occurrence)
    except AttributeError:
        return None  # cosmic-ray cannot replace an exception whose name has a dot
    if after is None or after == before or not _is_valid(after):
        return None
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    old, new = next((one, other) for one, other in pairs if one != other)
    return Mutant(room, module, line, operator, occurrence, old.strip(), new.strip())


def _is_valid(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _is_call(node: Any) -> bool:
    """Whether a statement is a call, awaited or not, whose result nobody uses."""
    return bool(node.type == "atom_expr" and node.children[-1].get_first_leaf().value == "(")
