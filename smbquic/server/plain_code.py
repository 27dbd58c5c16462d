"""A call of plain code that can be left in its middle, and entered again: on a greenlet."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

_T = TypeVar("_T")


class PlainCode(greenlet):  # type: ignore[misc]  # it has no types
    """A call that may be left while it waits; awaiting it runs it to its end."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        super().__init__(function)
        self._arguments = arguments
        # Context variables are those of the task that awaits it.
        self.gr_context = getcurrent().gr_context

    @staticmethod
    def current() -> "PlainCode | None":
        """Return the call that the caller is part of, if any."""
        current = getcurrent()
        return current if isinstance(current, PlainCode) else None

    def __await__(self) -> Generator[Any, Any, Any]:
        step = self.switch(*self._arguments)
        while not self.dead:
            try:
                sent = yield step
            except BaseException as error:
                step = self.throw(error)
            else:
                step = self.switch(sent)
        return step

    def wait(self, awaitable: Awaitable[_T]) -> _T:
        """Have the task await what the steps of an awaitable give; called on this stack."""
        steps = awaitable.__await__()
        resume: Callable[[Any], Any] = steps.send
        argument: Any = None
        while True:
            try:
                step = resume(argument)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            try:
                resume, argument = steps.send, self.parent.switch(step)
            except BaseException as error:
                resume, argument = steps.throw, error
