"""What systemd does for a service, in a terminal: its user, its capability and its folders."""

import configparser
import shlex
from pathlib import Path


def start_command(unit: Path, command: str = "") -> str:
    """Return a script that starts the program of a unit, or another one, as systemd would."""
    # Options that stand there several times are none of those that are looked at.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(unit.read_text())
    service = parser["Service"]
    user, group = service["User"], service["Group"]
    capability = service["AmbientCapabilities"].removeprefix("CAP_").lower()
    places = {"LOGS": "/var/log", "STATE": "/var/lib", "RUNTIME": "/run"}
    folders = {
        f"{kind}_DIRECTORY": (
            f"{place}/{service[f'{kind.title()}Directory']}",
            service[f"{kind.title()}DirectoryMode"],
        )
        for kind, place in places.items()
    }
    become = ["setpriv", "--reuid", user, "--regid", group, "--init-groups", "--no-new-privs"]
    become += ["--bounding-set", f"-all,+{capability}", "--inh-caps", f"-all,+{capability}"]
    become += ["--ambient-caps", f"-all,+{capability}"]
    return "\n".join(
        [
            *(
                f"install -d -o {user} -g {group} -m {mode} {folder}"
                for folder, mode in folders.values()
            ),
            f"umask {service['UMask']}",
            "cd /",
            "unset HOME USER XDG_RUNTIME_DIR TMPDIR",
            *(f"export {name}={folder}" for name, (folder, _) in folders.items()),
            f"export {service['Environment'].replace('%S', places['STATE'])}",
            f"{shlex.join(become)} {command or service['ExecStart']}",
            "",
        ]
    )
