"""Functions that take options as keywords, with the names, types and defaults of the model."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import (
    Annotated,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    get_args,
    get_origin,
    overload,
)

P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
O = TypeVar("O")  # noqa: E741  (options)
R = TypeVar("R")


class keywords(Generic[P, O]):  # noqa: N801  (a decorator)
    """A decorator by which a function takes keywords instead of an object of options.

    The signature that type checkers, ``help()`` and editors see is made of the dataclass:

        @keywords(SessionOptions)
        @asynccontextmanager
        async def connect(url: str, options: SessionOptions) -> AsyncIterator[Share]: ...

        connect("smb+quic://fs.example/data", password="...", ca="ca.pem")
    """

    def __init__(self, options: Callable[P, O]) -> None:
        self._options = options

    @overload
    def __call__(self, function: Callable[[A, O], R]) -> Callable[Concatenate[A, P], R]: ...

    @overload
    def __call__(self, function: Callable[[A, B, O], R]) -> Callable[Concatenate[A, B, P], R]: ...

    def __call__(self, function: Callable[..., R]) -> Callable[..., R]:
        """Decorate a function."""
        signature = inspect.signature(function)
        *own, _ = signature.parameters.values()
        options = map(_plain, inspect.signature(self._options).parameters.values())
        count = len(own)

        @wraps(function)
        def with_keywords(*arguments: Any, **given: Any) -> R:
            return function(*arguments[:count], self._options(*arguments[count:], **given))

        shown = signature.replace(parameters=[*own, *options])
        setattr(with_keywords, "__signature__", shown)  # noqa: B010  (typeshed has no such name)
        return with_keywords


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """Leave out of the annotation what is there for the model."""
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    return parameter.replace(annotation=get_args(parameter.annotation)[0])
