"""A whole run of the throughput benchmark, with as little to do as there can be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ARMS = {"raw-qh3": ["stream"], "quic-qh3": ["put", "get"], "tcp": ["put", "get"]}


@pytest.mark.usefixtures("network_namespaces")
def test_a_small_run_measures_and_checks_every_arm(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.throughput", "--arms", ",".join(ARMS)),
            *("--mebibytes", "3", "--rounds", "1", "--patience", "0", "--retries", "0"),
            *("--directory", str(tmp_path), "--json", str(file)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert result["failures"] == []
    assert result["networks"] == ["veth, MTU 1500", "veth, MTU 9000"]
    samples = {sample["arm"]: sample["figures"] for sample in result["samples"]}
    assert {arm: list(figures) for arm, figures in samples.items()} == ARMS
    for figures in samples.values():
        for found in figures.values():
            assert found["rate"] > 0
            assert found["client_cpu"] > 0
            assert found["server_peak"] > 10
    assert "get, qh3 / its raw stream" in done.stdout
    for arm in ARMS:
        assert f"\n{arm} " in f"\n{done.stdout}"
    # What was laid out for it is gone.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json"]


@pytest.mark.debian("smbd", "smbpasswd")
@pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root")
@pytest.mark.usefixtures("network_namespaces")
def test_gateway(tmp_path: Path) -> None:
    # Its name is short, as smbd has sockets below `tmp_path`, whose paths have to be.
    file = tmp_path / "result.json"
    arms = {"gateway-qh3": ["put", "get"], "small-gateway-qh3": ["read", "open", "echo"]}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.throughput", "--arms", ",".join(arms)),
            *("--mebibytes", "3", "--rounds", "1", "--patience", "0", "--retries", "0"),
            *("--operations", "20", "--directory", str(tmp_path), "--json", str(file)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert result["failures"] == []
    samples = {sample["arm"]: list(sample["figures"]) for sample in result["samples"]}
    assert samples == arms
