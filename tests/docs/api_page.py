"""`docs/reference/api.md`, made from the signatures and docstrings of what is public.

They are read from the source and not from the running program, so that the page shows the names of
defaults and not their values, and is the same with every version of Python.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from types import ModuleType

import smbquic
from smbquic import pki, storage, sync
from smbquic.options.kinds import Choice, Names, Number
from smbquic.options.model import Declared, Options, declared

_HEAD = """\
# The Python API

This page is made from the code, and a test compares the two:
`python -m tests.docs > docs/reference/api.md`.

What `smbquic` exports is public, and so are `smbquic.sync`, `smbquic.pki` and `smbquic.storage`.
`smbquic.__version__` is the version of the package. A name that is on this page keeps its meaning;
everything else may change.
"""
_LINE = 90
"""A signature that is longer is shown with each parameter on a line of its own."""
_MANY = 40
"""An enumeration with more members than this is described, and its members are not listed."""
_EXAMPLE_INDENT = " " * 4

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Documented:
    """A public name: the statement that defines it, and where that stands."""

    name: str
    value: object
    node: ast.stmt
    module: ModuleType


@dataclass
class _Section:
    title: str
    names: list[Documented] = field(default_factory=list)


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_package(), *_sync(), *_pki(), *_storage()]).rstrip() + "\n"


def _package() -> Iterator[str]:
    functions, classes, errors = _Section("Functions"), _Section("Classes"), _Section("Errors")
    for name in smbquic.__all__:
        value = getattr(smbquic, name)
        if isinstance(value, ModuleType | str):
            continue
        if not isinstance(value, type):
            section = functions
        elif issubclass(value, BaseException):
            section = errors
        else:
            section = classes
        section.names.append(_find(name, value))
    yield "## `smbquic`"
    for section in (functions, classes):
        yield from ("", f"### {section.title}")
        for each in section.names:
            yield from _described(each)
    yield from ("", "### Errors", "")
    yield "Where Python has an error of its own for the same, `except FileNotFoundError` works too."
    yield from ("", "| error | is a | |", "|---|---|---|")
    # In the order of the source, each below what it is a kind of.
    for each in sorted(errors.names, key=_place):
        assert isinstance(each.node, ast.ClassDef)
        bases = ", ".join(f"`{ast.unparse(base)}`" for base in each.node.bases)
        text = " ".join(filter(None, _docstring(each.node))).replace("|", r"\|")
        yield f"| `{each.name}` | {bases} | {text} |"


def _place(error: Documented) -> tuple[bool, str, int]:
    name = error.module.__name__
    return name != "smbquic.errors", name, error.node.lineno


def _sync() -> Iterator[str]:
    yield from ("", "## `smbquic.sync`", "")
    yield from _paragraphs(inspect.cleandoc(sync.__doc__ or "").split("\n"))
    for name in ("connect", "serve"):
        yield from _described(_find(name, getattr(sync, name), sync))
    for name in ("SyncShare", "SyncFile", "SyncBufferedFile", "SyncRangeLock", "SyncTextFile"):
        yield from _described(_find(name, getattr(sync, name)))


def _pki() -> Iterator[str]:
    yield from ("", "## `smbquic.pki`", "")
    yield from _paragraphs(inspect.cleandoc(pki.__doc__ or "").split("\n"))
    for name in sorted(pki.__all__, key=str.lower):
        yield from _described(_find(name, getattr(pki, name)))


def _storage() -> Iterator[str]:
    yield from ("", "## `smbquic.storage`", "")
    yield from _paragraphs(inspect.cleandoc(storage.__doc__ or "").split("\n"))
    for name in sorted(storage.__all__, key=str.lower):
        value = getattr(storage, name)
        # FILE_ATTRIBUTE_ bits, and the union of types that are buffers, say what they are.
        if isinstance(value, type) or inspect.isfunction(value):
            yield from _described(_find(name, value))


def _find(name: str, value: object, module: ModuleType | None = None) -> Documented:
    """The statement that defines `name`, in the module where it stands."""
    if module is None:
        home = getattr(value, "__module__", None)
        assert home is not None, name
        module = importlib.import_module(home)
    for node in ast.parse(inspect.getsource(module)).body:
        targets = (
            [node.name]
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            else [ast.unparse(each) for each in getattr(node, "targets", [])]
        )
        if name in targets:
            return Documented(name, value, node, module)
    raise LookupError(f"{module.__name__} does not define {name}")


def _described(documented: Documented) -> Iterator[str]:
    node = documented.node
    if isinstance(node, ast.ClassDef):
        yield from _class(documented, node)
    elif isinstance(node, Function):
        yield from ("", f"#### `{node.name}`", "", "```text", _signature(node), "```", "")
        yield from _paragraphs(_docstring(node))
    else:
        # `sync.serve` is made of `smbquic.serve`.
        yield from ("", f"#### `{documented.name}`", "")
        yield f"See `smbquic.{documented.name}`."


def _class(documented: Documented, node: ast.ClassDef) -> Iterator[str]:
    yield from ("", f"#### `{documented.name}`", "")
    if _options(getattr(documented.module, node.name)):
        yield from _groups(node, documented.module)
        return
    yield from _paragraphs(_class_docstring(node, documented.module))
    members = list(_members(node, documented.module))
    if isinstance(documented.value, type) and issubclass(documented.value, Enum):
        values = [line for line in members if " = " in line.partition("`")[2]]
        if len(values) > _MANY:
            members = [line for line in members if line not in values]
    if members:
        yield from ("", *members)


def _groups(node: ast.ClassDef, module: ModuleType) -> Iterator[str]:
    """Options, each group below what it is about."""
    for base in _unexported_bases(node, module):
        assert isinstance(base.node, ast.ClassDef)
        yield from (*_groups(base.node, base.module), "")
    yield from (*_paragraphs(_docstring(node)), "")
    yield from _own_members(node, module)


def _members(node: ast.ClassDef, module: ModuleType) -> Iterator[str]:
    """Yield the public members of a class, with those of bases that are not public."""
    for base in _unexported_bases(node, module):
        assert isinstance(base.node, ast.ClassDef)
        yield from _members(base.node, base.module)
    yield from _own_members(node, module)


def _own_members(node: ast.ClassDef, module: ModuleType) -> Iterator[str]:
    options = _options(getattr(module, node.name))
    body = node.body
    for position, statement in enumerate(body):
        name, shown = _member(statement)
        if not name or name.startswith("_"):
            continue
        if name in options:
            text = [_described_option(options[name])]
        elif isinstance(statement, Function):
            text = _docstring(statement)
        else:
            text = _docstring_after(body, position)
        yield from _item(shown, text)


def _options(documented: type) -> Mapping[str, Declared]:
    is_model = issubclass(documented, Options) and is_dataclass(documented)
    return declared(documented) if is_model else {}


def _described_option(option: Declared) -> str:
    match option.kind:
        case Choice(values):
            return f"{option.text} One of {', '.join(values)}."
        case Names(choices=choices):
            return f"{option.text} Some of {', '.join(choices)}."
        case Number(unit=unit) if unit:
            return f"{option.text} In {unit}."
    return option.text


def _class_docstring(node: ast.ClassDef, module: ModuleType) -> list[str]:
    """The text of a class, below that of its bases which are not on the page."""
    lines: list[str] = []
    for base in _unexported_bases(node, module):
        assert isinstance(base.node, ast.ClassDef)
        lines += [*_class_docstring(base.node, base.module), ""]
    return [*lines, *_docstring(node)]


def _unexported_bases(node: ast.ClassDef, module: ModuleType) -> Iterator[Documented]:
    for base in node.bases:
        value = getattr(module, ast.unparse(base).partition("[")[0], None)
        if isinstance(value, type) and _is_unexported(value):
            yield _find(value.__name__, value)


def _is_unexported(base: type) -> bool:
    ours = base.__module__.startswith("smbquic.") and not issubclass(base, BaseException)
    return ours and base is not Options and base.__name__ not in smbquic.__all__


def _member(statement: ast.stmt) -> tuple[str, str]:
    """The name of a member, and how it is shown; no name for what is none."""
    if isinstance(statement, Function):
        decorators = {ast.unparse(each) for each in statement.decorator_list}
        if "property" in decorators or "cached_property" in decorators:
            return statement.name, f"{statement.name}: {_type(statement.returns)}"
        if "overload" in decorators or any(each.endswith(".setter") for each in decorators):
            return "", ""
        return statement.name, _signature(statement)
    if isinstance(statement, ast.AnnAssign | ast.Assign):
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        # What a field is made of is the class's own business.
        shown = re.sub(r" = field\(.*\)$", "", ast.unparse(_without_option(statement)))
        return ast.unparse(target), shown
    return "", ""


def _without_option(statement: ast.Assign | ast.AnnAssign) -> ast.stmt:
    """A field with its plain type."""
    match statement:
        case ast.AnnAssign(
            target=target,
            annotation=ast.Subscript(value=ast.Name("Annotated"), slice=ast.Tuple([kind, *_])),
            value=value,
        ):
            return ast.AnnAssign(target, kind, value, 1)
    return statement


def _signature(function: Function) -> str:
    decorators = {ast.unparse(each) for each in function.decorator_list}
    returns = _type(function.returns)
    kind = ""
    if "asynccontextmanager" in decorators or "contextmanager" in decorators:
        kind = "async with " if "asynccontextmanager" in decorators else "with "
        returns = re.sub(r"^\w+\[(.*)\]$", r"\1", returns)
    elif isinstance(function, ast.AsyncFunctionDef):
        yields = returns.startswith(("AsyncGenerator", "AsyncIterator"))
        kind = "async for " if yields else "await "
    elif "classmethod" in decorators:
        kind = "classmethod "
    arguments = list(_arguments(function.args))
    if any(each.startswith("keywords(") for each in decorators):
        # They have the options' names, which the class of the options lists.
        arguments[-1] = f"**{arguments[-1]}"
    tail = f" -> {returns}" if returns else ""
    shown = f"{kind}{function.name}({', '.join(arguments)}){tail}"
    if len(shown) > _LINE:
        lines = "".join(f"\n    {each}," for each in arguments)
        shown = f"{kind}{function.name}({lines}\n){tail}"
    return shown


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """The parameters as PEP 8 writes them, without that which a method is called on."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    for argument, default in zip(positional, defaults, strict=True):
        if argument.arg not in ("self", "cls"):
            yield _argument(argument, default)
    if arguments.vararg is not None:
        yield f"*{_argument(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwarg is not None:
        yield f"**{_argument(arguments.kwarg, None)}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    shown = argument.arg
    if argument.annotation is not None:
        shown += f": {_type(argument.annotation)}"
    return shown if default is None else f"{shown} = {ast.unparse(default)}"


def _type(annotation: ast.expr | None) -> str:
    """A type as it is written, without the quotes of one that is defined further down."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return re.sub(r"'(\w+)'", r"\1", ast.unparse(annotation))


def _docstring(node: ast.ClassDef | Function) -> list[str]:
    return (ast.get_docstring(node) or "").split("\n")


def _docstring_after(body: list[ast.stmt], position: int) -> list[str]:
    """The text that stands below a field."""
    match body[position + 1 : position + 2]:
        case [ast.Expr(value=ast.Constant(value=str() as text))]:
            return inspect.cleandoc(text).split("\n")
    return []


def _item(shown: str, text: list[str]) -> Iterator[str]:
    # An item of a list has one line.
    line = f"- `{' '.join(shown.split()).replace('( ', '(').replace(', )', ')')}`"
    more = _paragraphs(text)
    first = next(more, "")
    yield f"{line}: {first}" if first else line
    yield from (f"  {each}".rstrip() for each in more)


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """The lines of a docstring as Markdown; what is indented in it is an example in Python."""
    example = False
    for number, line in enumerate(lines):
        indented = line.startswith(_EXAMPLE_INDENT)
        if line and indented != example:
            if indented:
                yield "```python"
            else:
                yield from ("```", "")
            example = indented
        elif not line and example and not _goes_on(lines[number:]):
            continue
        if example:
            yield line.removeprefix(_EXAMPLE_INDENT)
        else:
            yield line.replace("``", "`")
    if example:
        yield "```"


def _goes_on(lines: list[str]) -> bool:
    """Whether an example goes on after a blank line."""
    following = next(filter(None, lines), "")
    return following.startswith(_EXAMPLE_INDENT)
