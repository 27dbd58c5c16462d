"""A connection's beginning, and its survival."""

from pathlib import Path
from typing import Any

from benchmarks.comparison import roundtrips
from benchmarks.comparison.works.base import Metric, Work
from benchmarks.link import Link
from benchmarks.programs import Figures, Perform
from benchmarks.workspace import Workspace

STAGES = ("transport", "negotiate", "session", "tree")
PATIENCE = 10.0
"""Seconds until a transfer counts as dead whose address has changed."""


class Connect(Work):
    """Connect up to the tree, split into stages; QUIC's first includes TLS.

    Round trips are counted in the packets on the wire, up to the moment when the last stage's
    answer had come, from the first packet on, so a handshake that a VPN makes then is among them.
    The first connection of both processes also pays for what the QUIC engine sets up once. One
    that is resumed has a ticket of a connection before it, which is not measured.
    """

    metrics = (
        Metric("total", "time", "ms", 1e3),
        Metric("round_trips", "round trips on the wire", "", digits=0),
        *(Metric(stage, stage, "ms", 1e3) for stage in STAGES),
    )

    def __init__(self, name: str, title: str, *, resumed: bool = False) -> None:
        self.name, self.title = name, title
        self.quic_only = resumed

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"work": "connect", "resume": self.quic_only}

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        if self.quic_only:
            super().run(perform, workspace, link, seed)
        with roundtrips.captured(link.client) as packets:
            figures = super().run(perform, workspace, link, seed)
        begun, *ends = figures.pop("stages")
        round_trip = link.settings.round_trip / 10**9
        trips = [roundtrips.count(packets, round_trip, end) for end in ends]
        for stage, start, end in zip(STAGES, (begun, *ends), ends, strict=False):
            figures[stage] = end - start
        return {
            **figures,
            "total": ends[-1] - begun,
            "round_trips": trips[-1],
            "round_trips_after": dict(zip(STAGES, trips, strict=True)),
            "packets": len(packets),
        }

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        if figures["resumed"] == self.quic_only:
            return []
        return ["the session was not resumed" if self.quic_only else "the session was resumed"]


class AddressChange(Work):
    """The client's address changes in the middle of a transfer; the old one vanishes."""

    name, title = "address-change", "the client's address changes in mid-transfer"
    metrics = (
        Metric("survived", "transfers that survived", "", more_is_better=True, digits=0),
        Metric("gap", "longest pause afterwards", "ms", 1e3),
    )

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"path": "big", "patience": PATIENCE}

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        def move(event: str) -> None:
            link.client.move(1)

        figures = perform({"work": self.name, **self.request(workspace, seed)}, move)
        link.client.move(0)
        return figures

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        problems = []
        for landed in figures.pop("landed", []):
            problems += workspace.compare(Path(landed), workspace.share / "big")
        return problems
