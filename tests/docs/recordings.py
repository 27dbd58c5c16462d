"""Pictures of terminals for the pages: `python -m tests.docs.recordings`.

The commands are run as they are shown, by the reader of a page on a machine of their own. Rich
draws what they print; its pictures name fonts of a server elsewhere, which are left out.
"""

import io
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from tests.conftest import SEARCH_PATH
from tests.docs.machine import ReaderMachine
from tests.docs.pages import ROOT
from tests.docs.reading import READY

IMAGES = ROOT / "docs" / "images"
WIDTH = 104
SERVER = (
    "smbquic serve --share team=$HOME/team --user alice --name fs.example"
    " --listen quic://0.0.0.0:8443"
)
CLIENT = (
    "smbquic put lunch.txt smb+quic://alice@fs.example:8443/team/",
    "smbquic ls -l smb+quic://alice@fs.example:8443/team",
    "smbquic ping smb+quic://alice@fs.example:8443",
    "smbquic probe smb+quic://alice@fs.example:8443/team",
)


def picture(title: str, shown: str) -> str:
    """Return a terminal with a text as SVG, which refers to nothing elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(shown, markup=False, highlight=False, soft_wrap=True)
    drawing = console.export_svg(title=title, theme=DEFAULT_TERMINAL_THEME, unique_id="terminal")
    drawing = re.sub(r"@font-face \{[^}]*\}", "", drawing).replace("Fira Code", "monospace")
    return re.sub(r"(?m)[ \t]+$", "", drawing)


def wrapped(shown: str) -> str:
    """Return what was printed with lines that fit, as in a terminal."""
    # Where a program has rubbed out its progress, an empty line is left.
    lines = [line for line in shown.replace("\r", "").split("\n") if line]
    return "\n".join(line[at : at + WIDTH] for line in lines for at in range(0, len(line), WIDTH))


def record(folder: Path) -> dict[str, str]:
    """Run the commands on a machine in `folder`; return a picture for each terminal."""
    path = f"{sysconfig.get_path('scripts')}:{SEARCH_PATH}"
    with ReaderMachine(folder, {"PATH": path}) as machine:
        server, client = machine.terminal("server"), machine.terminal("client")
        server.run("mkdir team")
        server.start(SERVER)
        serving = server.wait_for(READY + ".*\n")
        client.run("cp ~/.local/share/smbquic/pki/ca.pem .; echo 'Lunch is at noon.' >lunch.txt")
        client.run("export SMBQUIC_CA=ca.pem")
        prompts = [f"$ {command}\n{client.run(command).rstrip()}" for command in CLIENT]
        serving = serving.replace(str(machine.home), "/home/alice")
        return {
            "terminal-server.svg": picture("fs.example", wrapped(f"$ {SERVER}\n{serving}")),
            "terminal-client.svg": picture("client", wrapped("\n".join(prompts))),
        }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for name, drawing in record(Path(scratch) / "machine").items():
            (IMAGES / name).write_text(drawing, encoding="utf-8")
            sys.stdout.write(f"{IMAGES / name}\n")
