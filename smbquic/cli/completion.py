"""`smbquic completion`: completion of the command line by the shell, as click does it.

The shell calls the program with `VARIABLE` set, and shows what it prints.
docs/decisions/0039-completion.md
"""

import os
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from smbquic.cli.command import command, option

VARIABLE = "_SMBQUIC_COMPLETE"
_PROGRAM = "smbquic"
_SPECIAL = re.compile(r"([^\w@%+=:,./-])")
_SPECIAL_IN_QUOTES = {'"': re.compile(r'(["$`\\])'), "'": re.compile("(')")}
_ENDED = re.compile(r"(?<!\\)(?:\\\\)*\s$")
"""A space at the end of the line that is not part of the last word."""
_ESCAPED = r"\\\1"

# The words are taken from the whole line, since bash separates words at colons, too. What is
# completed may be a name from a server: it is never expanded, and `_Bash` has quoted it.
_BASH = """\
%(complete_func)s() {
    local line value response
    COMPREPLY=()
    response=$(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \\
        COMP_WORDBREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    while IFS= read -r line; do
        value=${line#*,}
        case ${line%%%%,*} in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            nospace) compopt -o nospace; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done <<<"$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a described plain unfinished response
    local type key descr
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for type key descr in ${response}; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            nospace) unfinished+=("$key") ;;
            plain)
                if [[ "$descr" == "_" ]]; then
                    plain+=("$key")
                else
                    described+=("$key":"$descr")
                fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#unfinished )) && compadd -U -S '' -V unsorted -a unfinished
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l response (env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \\
        %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
    for completion in $response
        set -l parts (string split --max 1 , -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain nospace
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Bash(BashComplete):
    """Completion for bash, with words that have colons, and names that need quotes."""

    source_template = _BASH

    def source(self) -> str:
        """Return the script, whatever the version of bash on this machine."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that it is in."""
        line = _line()
        words = split_arg_string(line)
        last = words.pop() if words and (_open_quote(line) or not _ENDED.search(line)) else ""
        return words[1:], last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line for the script: what takes the place of the word that bash knows.

        That begins at the last colon, or at an open quotation mark.
        """
        value, quote = str(item.value), _open_quote(_line())
        if quote:
            special = _SPECIAL_IN_QUOTES[quote]
            return f"{item.type},{special.sub(_ESCAPED, value)}"
        _, typed = self.get_completion_args()
        if ":" in os.environ.get("COMP_WORDBREAKS", ":"):
            value = value.removeprefix(typed[: typed.rfind(":") + 1])
        return f"{item.type},{_SPECIAL.sub(_ESCAPED, value)}"


def _line() -> str:
    """Return the command line of bash, up to the cursor."""
    return os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]


def _open_quote(line: str) -> str:
    """Return the quotation mark that is open at the end of a line, if any."""
    quote, characters = "", iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            next(characters, "")
        elif character == quote:
            quote = ""
        elif character in "\"'" and not quote:
            quote = character
    return quote


class _Zsh(ZshComplete):
    """Completion for zsh, with completions that can be continued, such as folders."""

    source_template = _ZSH


class _Fish(FishComplete):
    """Completion for fish, with completions that can be continued, and names with commas."""

    source_template = _FISH


def register() -> None:
    """Replace click's scripts by those that know such names. The shell waits: nothing is logged."""
    import logging

    logging.disable()
    add_completion_class(_Bash, "bash")
    add_completion_class(_Zsh, "zsh")
    add_completion_class(_Fish, "fish")


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@option("--install", is_flag=True, help="Write it to the place where the shell looks for it.")
def completion(shell: str, *, install: bool) -> None:
    """Print the script that lets a shell complete commands.

    \b
    smbquic completion bash --install       put it where new shells look for it
    smbquic completion zsh                  print it

    Commands, options, profiles, and the names on a share are completed. The latter only if the
    profile has a password in a file: nobody is asked for one, and it takes less than a second.
    """
    script = _script(shell)
    if not install:
        click.echo(script, nl=False)
        return
    path = _place(shell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, "utf-8")
    click.echo(f"{path} is written; {_advice(shell, path)}")


def _script(shell: str) -> str:
    register()
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(click.get_current_context().find_root().command, {}, _PROGRAM, VARIABLE).source()


def _place(shell: str) -> Path:
    """Return the file in which a shell looks for the completion of this program."""
    if shell == "fish":
        return _folder("XDG_CONFIG_HOME", ".config") / "fish/completions/smbquic.fish"
    data = _folder("XDG_DATA_HOME", ".local/share")
    if shell == "zsh":
        return data / "zsh/site-functions/_smbquic"
    user = os.environ.get("BASH_COMPLETION_USER_DIR", "").partition(":")[0]
    return (Path(user) if user else data / "bash-completion") / "completions/smbquic"


def _folder(variable: str, otherwise: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / otherwise


def _advice(shell: str, path: Path) -> str:
    if shell == "zsh":
        return f"write fpath=({path.parent} $fpath) into ~/.zshrc, before compinit"
    if shell == "bash":
        return "new shells use it if the package bash-completion is installed"
    return "new shells use it"
