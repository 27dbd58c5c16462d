"""A small made-up result, of the shape that a run leaves."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

LINKS = ("20ms-100mbit", "20ms-100mbit-1%")
ARMS = ("tcp-encrypted", "tcp-encrypted-again", "quic-qh3", "wireguard")


def _visit(link: str, block: int, arm: str) -> dict[str, Any]:
    seconds = 0.4 + ARMS.index(arm) / 10 + block / 100 + LINKS.index(link)
    cpu = {"client": 0.1, "server": 0.2, "emulator": 0.05}
    way = {"packets": 800, "bytes": 1_100_000, "delivered_bytes": 1_100_000}
    wire = {
        "up": {**way, "lost": 0, "queue_drops": 0},
        "down": {**way, "lost": 0, "queue_drops": 0},
    }
    sent_again = {"client": 0, "server": 3}
    bulk = {
        "bytes": 2_000_000,
        "seconds": seconds,
        "goodput": 16e6 / seconds,
        "cpu": cpu,
        "wire": wire,
        "sent_again": sent_again,
    }
    stages = {"transport": 0.02, "negotiate": 0.02, "session": 0.04, "tree": 0.02}
    connect = {**stages, "total": 0.1, "round_trips": 5, "cpu": cpu, "wire": wire}
    works = {"bulk-read": bulk, "bulk-write": dict(bulk), "connect": connect}
    return {
        "link": link,
        "block": block,
        "arm": arm,
        "attempt": 0,
        "seed": 1,
        "works": {name: {"figures": f, "problems": []} for name, f in works.items()},
        "problems": [],
        "bystanders": block / 100,
    }


_RESULT = {
    "format": 1,
    "profile": "quick",
    "about": "made up for a test",
    "seed": 7,
    "blocks": 3,
    "started": "2026-01-02T03:04:05+00:00",
    "links": list(LINKS),
    "legs": [{"link": link, "works": ["connect", "bulk-write", "bulk-read"]} for link in LINKS],
    "arms": list(ARMS),
    "missing": {"samba-tcp": ["smbd is not installed <b>"]},
    "machine": {
        "cpu": "A & B",
        "cores": 2,
        "kernel": "6",
        "system": "Debian",
        "python": "3.11",
        "packages": {"qh3": "2.1.0"},
        "programs": {"smbd": None},
        "sysctls": {"net.core.rmem_max": "4194304"},
        "commit": "abc",
    },
    "calibration": [
        {
            "link": LINKS[0],
            "round_trip": 20_000_000,
            "round_trip_measured": 20_100_000.0,
            "rate": 100_000_000,
            "udp_rate": 99_900_000.0,
            "tcp_rate": 99_800_000.0,
            "loss": 0.0,
            "lost": 0,
            "sent": 1000,
            "loss_interval": [0.0, 0.0],
            "wrong": [],
        }
    ],
    "visits": [_visit(link, block, arm) for link in LINKS for block in range(4) for arm in ARMS],
}


@pytest.fixture
def make_result() -> Callable[[], dict[str, Any]]:
    """Makes one that may be changed."""
    return lambda: copy.deepcopy(_RESULT)
