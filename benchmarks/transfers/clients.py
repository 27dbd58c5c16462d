"""The programs that transfer files, and their command lines."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.ends.options import SHARE, USER
from benchmarks.ports import QUIC_PORT, TCP_PORT
from benchmarks.programs import missing_programs
from benchmarks.workspace import Workspace

Verb = Literal["put", "get", "put-file", "get-file", "list", "sync", "check"]
TRANSFERS = 16
"""Files that rclone is told to have under way."""


@dataclass(frozen=True, slots=True)
class Program:
    """A client. `commands` has a command line for each verb that it can do.

    They are given the server's address, a local path and a path in the share.
    """

    name: str
    commands: Mapping[str, Callable[[str, Path, str], list[str]]]
    environment: Callable[[Workspace, str], dict[str, str]]
    programs: Mapping[str, str] = field(default_factory=dict)
    """What has to be installed, with its package in Debian."""

    def missing(self) -> list[str]:
        """Return what this machine lacks for it, as sentences."""
        return missing_programs(self.programs)


def _smbquic(name: str, scheme: str, port: int) -> Program:
    base = [sys.executable, "-m", "smbquic"]

    def url(host: str, path: str) -> str:
        return f"{scheme}://{USER}@{host}:{port}/{SHARE}/{path}"

    return Program(
        name,
        {
            "put": lambda host, here, there: [*base, "put", "-r", f"{here}", url(host, there)],
            "get": lambda host, here, there: [*base, "get", "-r", url(host, there), f"{here}"],
            "put-file": lambda host, here, there: [*base, "put", f"{here}", url(host, there)],
            "get-file": lambda host, here, there: [*base, "get", url(host, there), f"{here}"],
            "list": lambda host, here, there: [*base, "ls", url(host, there)],
            "sync": lambda host, here, there: [*base, "sync", f"{here}", url(host, there)],
            "check": lambda host, here, there: [*base, "check", f"{here}", url(host, there)],
        },
        lambda workspace, host: {
            "SMBQUIC_PASSWORD": workspace.password,
            "SMBQUIC_CA": str(workspace.pki.ca),
        },
    )


def _smbclient() -> Program:
    def run(host: str, commands: str) -> list[str]:
        options = ("-s", os.devnull, "-p", f"{TCP_PORT}", "-m", "SMB3", "-U", USER)
        return ["smbclient", f"//{host}/{SHARE}", *options, "-c", commands]

    all_files = "prompt OFF; recurse ON"
    return Program(
        "smbclient",
        {
            "put": lambda host, here, there: run(
                host, f"{all_files}; lcd {here}; mkdir {there}; cd {there}; mput *"
            ),
            "get": lambda host, here, there: run(
                host, f"{all_files}; lcd {here}; cd {there}; mget *"
            ),
            "put-file": lambda host, here, there: run(host, f"put {here} {there}"),
            "get-file": lambda host, here, there: run(host, f"get {there} {here}"),
            "list": lambda host, here, there: run(host, f"cd {there}; ls"),
        },
        lambda workspace, host: {"PASSWD": workspace.password},
        {"smbclient": "smbclient"},
    )


def _rclone() -> Program:
    base = ["rclone", "--transfers", f"{TRANSFERS}", "--config", ""]

    def remote(path: str) -> str:
        return f":smb:{SHARE}/{path}"

    def environment(workspace: Workspace, host: str) -> dict[str, str]:
        # From standard input: as an argument, a password that begins with "-" would be an option.
        hidden = subprocess.run(
            ["rclone", "obscure", "-"],
            input=workspace.password,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return {
            "RCLONE_SMB_HOST": host,
            "RCLONE_SMB_PORT": f"{TCP_PORT}",
            "RCLONE_SMB_USER": USER,
            "RCLONE_SMB_PASS": hidden.strip(),
        }

    return Program(
        "rclone",
        {
            "put": lambda _, here, there: [*base, "copy", f"{here}", remote(there)],
            "get": lambda _, here, there: [*base, "copy", remote(there), f"{here}"],
            "put-file": lambda _, here, there: [*base, "copyto", f"{here}", remote(there)],
            "get-file": lambda _, here, there: [*base, "copyto", remote(there), f"{here}"],
            "list": lambda _, here, there: [*base, "lsf", remote(there)],
            "sync": lambda _, here, there: [*base, "sync", f"{here}", remote(there)],
            "check": lambda _, here, there: [*base, "check", f"{here}", remote(there)],
        },
        environment,
        {"rclone": "rclone"},
    )


PROGRAMS = (
    _smbquic("smbquic-tcp", "smb", TCP_PORT),
    _smbquic("smbquic-quic", "smb+quic", QUIC_PORT),
    _smbclient(),
    _rclone(),
)
