"""The program `mount.smbquic`, which mount(8) calls for entries of the type smbquic."""

import sys
from collections.abc import Sequence

_WITHOUT_VALUE = frozenset({"-n", "-s"})
_WITH_VALUE = frozenset({"-t", "-N"})
_FAKE = "-f"


def command_line(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of `smbquic` for those of a helper: mount(8), "EXTERNAL HELPERS".

    ``-n`` and ``-s`` change nothing, ``-t`` says what this program knows. With ``-f``, nothing is
    to be mounted: the result is empty.
    """
    result = ["mount", "--background"]
    rest = iter(arguments)
    for argument in rest:
        if argument == _FAKE:
            return []
        if argument in _WITH_VALUE:
            next(rest, None)
        elif argument == "-o":
            result += [argument, next(rest, "")]
        elif argument not in _WITHOUT_VALUE:
            result.append(argument)
    return result


def run() -> None:
    """Run the program, as its console script, and exit."""
    arguments = command_line(sys.argv[1:])
    if arguments:
        # Imported here: with -f there is nothing to do.
        from smbquic.cli import start

        sys.argv[1:] = arguments
        start.run()
