"""The base class of message bodies, and the decorator that declares them."""

from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.compiler import compile_methods
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, Layout, unused

MessageT = TypeVar("MessageT", bound="Message")


class Message:
    """The body of a request or a response; the SMB2 header is not a part of it. [MS-SMB2] 2.2

    Most are declared with `message`, which adds `decode`, `encode` and `buffers`.
    """

    __slots__ = ()
    command: ClassVar[Command]
    LAYOUT: ClassVar[Layout]

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """Decode the body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Encode the body, with offsets that count from a 64-byte header before it."""
        raise NotImplementedError

    def buffers(self) -> list[Buffer]:
        """Encode the body in buffers that follow each other, so that no payload is copied."""
        return [self.encode()]


@dataclass_transform(field_specifiers=(field,))
def message(
    structure_size: int, *, at_least_one_byte: bool = False
) -> Callable[[type[MessageT]], type[MessageT]]:
    """Make a dataclass with slots of a declared message; see `layout`.

    `structure_size` is what the message has in its StructureSize. `at_least_one_byte` sends a zero
    byte where the parts of variable size are empty.

    Its methods are compiled when the first of them is called: that takes half a millisecond for
    each message, and a client that lists a folder uses few of them.
    """

    def declare(declared: type[MessageT]) -> type[MessageT]:
        layout = Layout.of(declared, structure_size, at_least_one_byte=at_least_one_byte)
        made: Any = dataclass(slots=True)(declared)
        made.LAYOUT = layout
        made.decode, made.encode, made.buffers = classmethod(_decode), _encode, _buffers
        return made  # type: ignore[no-any-return]

    return declare


def _decode(cls: type[MessageT], message: memoryview) -> MessageT:
    compile_message(cls)
    return cls.decode(message)


def _encode(self: Message) -> bytes:
    compile_message(type(self))
    return self.encode()


def _buffers(self: Message) -> list[Buffer]:
    compile_message(type(self))
    return self.buffers()


def compile_message(message: type[Message]) -> bool:
    """Give a declared message its methods, and those derived from it.

    Returns whether it had none before.
    """
    made: Any = next(base for base in message.__mro__ if "LAYOUT" in vars(base))
    if made.encode is not _encode:
        return False
    made.buffers = Message.buffers
    for name, method in compile_methods(made.LAYOUT).items():
        method.__doc__ = getattr(Message, name).__doc__
        method.__qualname__ = f"{made.__qualname__}.{name}"
        method.__module__ = made.__module__
        setattr(made, name, classmethod(method) if name == "decode" else method)
    return True


@message(4)
class EmptyMessage(Message):
    """A body that says nothing: four bytes, two of them reserved. [MS-SMB2] 2.2.7"""

    reserved: ClassVar = unused(U16)
