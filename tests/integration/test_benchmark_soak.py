"""A soak of seconds: all clients, one that is killed, and everything that is given back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = (sys.executable, "-m", "benchmarks", "soak")
SHORT = ("--interval", "1", "--rate", "60", "--sessions", "2", "--durable-seconds", "1")


def test_a_short_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    file, charts = tmp_path / "result.json", tmp_path / "charts"
    done = subprocess.run(
        [
            *(*SOAK, *SHORT, "--minutes", "0.08", "--kill", "tcp", "--directory", str(tmp_path)),
            *("--json", str(file), "--charts", str(charts)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSED" not in done.stdout
    assert "met    locks given back after the last client" in done.stdout
    result = json.loads(file.read_text())
    assert result["killed"]["tcp"] >= 1
    assert result["failures"] == result["problems"] == []
    assert not any(result["left"].values())
    done_by = {one["transport"] for one in result["quarters"]}
    assert {"tcp", "quic-qh3", "quic-aioquic"} <= done_by
    assert max(one["held"]["leases"] for one in result["samples"]) > 0
    # The folder of the run is gone.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["charts", "result.json"]


# A sample before the clients, and one with them: at the first they are just being started.
@pytest.mark.parametrize("sample", ["     0 s", "     1 s"])
def test_ctrl_c_ends_the_load_and_reports(tmp_path: Path, sample: str) -> None:
    soak = subprocess.Popen(
        [*SOAK, *SHORT, "--transports", "tcp", "--kill", "none", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with soak:
        try:
            assert soak.stderr is not None
            for line in soak.stderr:
                if line.startswith(sample):
                    break
            os.kill(soak.pid, signal.SIGINT)
            output, errors = soak.communicate(timeout=60)
        finally:
            soak.kill()
    assert soak.returncode == 130, errors
    assert "(interrupted)" in output
    assert "met    sessions given back after the last client" in output
    assert list(tmp_path.iterdir()) == []
