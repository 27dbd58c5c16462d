"""The options of mount(8) and fstab(5): ``-o ro,uid=1000`` means ``--read-only --uid=1000``."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

KERNEL_OPTIONS: Final = "smbquic.cli.mount_options.kernel"
"""Where the context of the command keeps the options that are for the kernel."""

_FOR_KERNEL = frozenset({"noexec", "noatime", "nodiratime", "sync", "dirsync"})
_OWN = {"ro": "--read-only"}
_FOR_MOUNT = {"rw", "defaults", "auto", "noauto", "nofail", "_netdev"}
_FOR_MOUNT |= {"user", "nouser", "users", "owner", "group"}
_AS_IT_IS = {"dev", "nodev", "suid", "nosuid", "exec", "async"}
_AS_IT_IS |= {"atime", "diratime", "relatime", "norelatime", "strictatime"}
_IGNORED = frozenset(_FOR_MOUNT | _AS_IT_IS)
"""Options for mount(8) and systemd, and those that make no difference: nosuid and nodev hold in any
case, and times of access are the server's."""


def expanded(arguments: Sequence[str], known: Collection[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the arguments with each option of ``-o`` as one of its own, and those for the kernel.

    `known` are the long options of the command. Raises ValueError for one that nobody knows.
    """
    result: list[str] = []
    kernel: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            result += ["--", *rest]
        elif argument.startswith("-o") and not argument.startswith("--"):
            for word in _words(argument.removeprefix("-o") or next(rest, "")):
                (kernel if word in _FOR_KERNEL else result).append(_own(word, known))
        else:
            result.append(argument)
    return result, tuple(kernel)


def _words(text: str) -> Iterator[str]:
    for word in text.split(","):
        if word and word not in _IGNORED and not word.startswith(("x-", "X-", "comment=")):
            yield word


def _own(word: str, known: Collection[str]) -> str:
    if word in _FOR_KERNEL:
        return word
    name, equals, value = word.partition("=")
    long = _OWN.get(name, f"--{name.replace('_', '-')}")
    if long not in known:
        raise ValueError(f"-o has {name}, which is no option of a mount")
    return f"{long}{equals}{value}"
