"""New namespaces of Linux, kept by a process for as long as they are needed."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.link.errors import LinkUnavailable


def hold(
    stack: ExitStack,
    command: Sequence[str],
    *,
    script: str = "",
    arguments: Sequence[str] = (),
) -> "subprocess.Popen[str]":
    """Run `command`, an `unshare`, with a shell in it that lives until `stack` is closed.

    The shell runs `script` first, whose `$1`, `$2` ... are the arguments. Raises LinkUnavailable,
    with what the command printed, where the script fails or the machine has no such namespaces.
    """
    shell = ["sh", "-c", f"set -e\n{script}\necho ready\nexec cat", "hold", *arguments]
    try:
        holder = subprocess.Popen(
            [*command, "--", *shell],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for whoever started this.
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise LinkUnavailable(f"{command[0]} is not installed (Debian: util-linux)") from error
    assert holder.stdout is not None
    assert holder.stderr is not None
    # The shell ends with its standard input.
    stack.callback(holder.communicate)
    if holder.stdout.readline() != "ready\n":
        raise LinkUnavailable(f"`{' '.join(command)}` fails ({holder.stderr.read().strip()})")
    return holder
