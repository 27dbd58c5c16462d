"""A whole run of the benchmark of transfers, with a few files for each work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = ("smbquic-tcp", "smbquic-quic", "smbclient", "rclone")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "transfers", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.usefixtures("network_namespaces")
@pytest.mark.debian("smbclient", "rclone")
def test_every_program_does_every_work(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = run("--scale", "0.002", "--all", "--rounds", "1", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    samples = json.loads(file.read_text())["samples"]
    of_work: dict[tuple[str, str], set[str]] = {}
    for sample in samples:
        of_work.setdefault((sample["work"], sample["verb"]), set()).add(sample["program"])
        assert sample["seconds"] >= sample["first_output"] > 0
        assert sample["peak_bytes"] > 0
        if sample["work"] in ("small", "tree", "large", "list"):
            assert sample["down"] > 0
    everybody, without_smbclient = set(PROGRAMS), set(PROGRAMS) - {"smbclient"}
    assert of_work == {
        ("small", "put"): everybody,
        ("small", "get"): everybody,
        ("tree", "put"): everybody,
        ("tree", "get"): everybody,
        ("tree", "sync"): without_smbclient,
        ("large", "put-file"): everybody,
        ("large", "get-file"): everybody,
        ("local", "put-file"): everybody,
        ("local", "get-file"): everybody,
        ("list", "list"): everybody,
        ("many", "sync"): without_smbclient,
        ("many", "check"): without_smbclient,
    }
    # The table comes from the file, too.
    again = run("--show", str(file))
    assert again.returncode == 0
    assert again.stdout == done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json"]


def test_what_there_is_to_measure() -> None:
    done = run("--list")
    assert done.returncode == 0
    assert all(name in done.stdout for name in PROGRAMS)
    assert run("--works", "nothing").returncode == 2


def test_a_file_without_a_result(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    done = run("--show", str(file))
    assert done.returncode == 2
    assert "holds no result" in done.stderr
