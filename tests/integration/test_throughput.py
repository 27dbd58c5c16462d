"""A whole run of the throughput benchmark, with as little to do as there can be."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ARMS = {"raw-qh3": ["stream"], "quic-qh3": ["put", "get"], "tcp": ["put", "get"]}


def measured(
    folder: Path, arms: dict[str, list[str]], *options: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Measure arms: the result, the figures by arm, and what was printed."""
    file = folder / "result.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.throughput", "--arms", ",".join(arms)),
            *("--mebibytes", "3", "--rounds", "1", "--patience", "0", "--retries", "0"),
            *("--directory", str(folder), "--json", str(file), *options),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert result["failures"] == []
    figures = {sample["arm"]: sample["figures"] for sample in result["samples"]}
    assert {arm: list(found) for arm, found in figures.items()} == arms
    # What was laid out for it is gone.
    assert sorted(path.name for path in folder.iterdir()) == ["result.json"]
    return result, figures, done.stdout


@pytest.mark.usefixtures("network_namespaces")
def test_a_small_run_measures_and_checks_every_arm(tmp_path: Path) -> None:
    result, figures, printed = measured(tmp_path, ARMS)
    assert result["networks"] == ["veth, MTU 1500", "veth, MTU 9000"]
    for each in figures.values():
        for found in each.values():
            assert found["rate"] > 0
            assert found["client_cpu"] > 0
            assert found["server_peak"] > 10
    assert "get, qh3 / its raw stream" in printed
    for arm in ARMS:
        assert f"\n{arm} " in f"\n{printed}"


@pytest.mark.usefixtures("network_namespaces")
def test_processor_time_of_workers_is_told_apart(tmp_path: Path) -> None:
    _, figures, printed = measured(tmp_path, {"four-qh3-worker": ["get", "read"]})
    found = figures["four-qh3-worker"]["get"]
    assert found["rate"] > 0
    assert found["client_cpu"] > 0
    assert found["workers_cpu"] > 0
    assert "CPU s/GiB, its workers" in printed
    assert 0 < found["slowest"] <= 1
    assert figures["four-qh3-worker"]["read"]["p50"] > 0


@pytest.mark.usefixtures("network_namespaces")
def test_a_server_is_measured_while_it_is_watched(tmp_path: Path) -> None:
    arms = {"watched-qh3": ["get"], "small-quic-qh3-metrics": ["read", "open", "echo"]}
    # The path of a Unix socket has to be short.
    with TemporaryDirectory() as folder:
        _, figures, printed = measured(
            Path(folder), arms, "--connections", "3", "--operations", "20", "--seconds", "1"
        )
    found = figures["watched-qh3"]["get"]
    assert found["rate"] > 0
    assert found["unwatched"] > 0
    assert found["update"] > 0
    assert "s, longest update of the status page" in printed
    assert "CPU ms for each update, server" in printed


@pytest.mark.debian("openssl")
@pytest.mark.usefixtures("network_namespaces")
def test_handshakes_cost_both_ends_something(tmp_path: Path) -> None:
    arms = {"handshakes-qh3": ["handshakes"], "openssl-aioquic": ["handshakes"]}
    _, figures, printed = measured(tmp_path, arms, "--operations", "60")
    ours, openssls = (figures[arm]["handshakes"] for arm in arms)
    assert set(ours) == {"operations", "client_us", "server_us"}
    assert min(ours.values()) > 0
    # Three handshakes may take less than the kernel counts.
    assert set(openssls) == {"server_us"}
    assert "CPU us each, server" in printed


@pytest.mark.debian("smbd", "smbpasswd")
@pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root")
@pytest.mark.usefixtures("network_namespaces")
def test_gateway(tmp_path: Path) -> None:
    # Its name is short, as smbd has sockets below `tmp_path`, whose paths have to be.
    arms = {"gateway-qh3": ["put", "get"], "small-gateway-qh3": ["read", "open", "echo"]}
    measured(tmp_path, arms, "--operations", "20")
