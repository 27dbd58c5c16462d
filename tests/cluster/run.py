"""The run: the proof that it is one cluster, what is done to it, and what it takes."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster import scenarios, sizing
from tests.cluster.cluster import Cluster
from tests.cluster.scenarios import Outcome, table
from tests.cluster.sizing import ResourceCosts

_ROOT = Path(__file__).parents[2]


@dataclass
class ClusterReport:
    """All that was seen."""

    seconds_to_start: float = 0.0
    together: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    verified: list[dict[str, Any]] = field(default_factory=list)
    sizes: ResourceCosts | None = None
    load: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def run(cluster: Cluster, report: ClusterReport, *, short: bool) -> None:
    """Do all of it, print what is seen, and note in the report what must not be."""
    report.seconds_to_start = cluster.seconds_to_start
    print(f"started in {cluster.seconds_to_start:.0f} s; the files are on {cluster.samba.files}")
    report.together = together(cluster)
    for what, value in report.together.items():
        print(f"  {what}: {value}")
        if value is False:
            report.faults.append(f"the nodes are no cluster: not so: {what}")
    if not short:
        report.sizes = sizing.measure(cluster)
        print("\n".join(sizing.lines(report.sizes)), flush=True)
    cluster.begin()
    for scenario in scenarios.SHORT if short else scenarios.LONG:
        report.outcomes.append(scenario(cluster))
        print("\n".join(table(report.outcomes[-1:])), flush=True)
    for client in cluster.clients:
        client.end()
    cluster.events.join()
    report.verified = cluster.events.of("verified")
    records = sum(each["records"] for each in report.verified)
    wrong = sum(each["wrong"] for each in report.verified)
    print(f"{records} records were acknowledged as flushed; {wrong} of them are not there")
    print("\n".join(table(report.outcomes)))
    report.faults += faults(cluster, report)


def faults(cluster: Cluster, report: ClusterReport) -> list[str]:
    """Return what a cluster must not do."""
    found = [
        f"{each['who']}: {each['wrong']} flushed records are not there"
        for each in report.verified
        if each["wrong"]
    ]
    missing = set(cluster.connections) - {each["who"] for each in report.verified}
    found += [f"{who} did not go on to the end" for who in sorted(missing)]
    for outcome in report.outcomes:
        if outcome.unequal:
            found.append(f"{outcome.what}: {outcome.unequal} copies are not equal")
        if outcome.reconnected["others"]:
            found.append(
                f"{outcome.what}: {outcome.reconnected['others']} others were disconnected"
            )
    return found


def together(cluster: Cluster) -> dict[str, Any]:
    """Return whether connections to two nodes see each other, and what the third node says."""
    client = cluster.clients[0]
    process = client.popen(
        *(sys.executable, "-m", "tests.cluster.together", client.url, "--ca", str(cluster.ca)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        nodes = seen.get("nodes", [])
        third = next(node for node in cluster.nodes if node.name not in nodes)
        files = third.status()["open_files"]
        holders = {
            each["server_id"]["vnn"]
            for name, file in files.items()
            if name.endswith("together.alone")
            for each in file["opens"].values()
        }
        seen[f"smbstatus on {third.name} sees it"] = bool(holders)
        process.stdin.write("\n")
        process.stdin.flush()
        seen.update(json.loads(process.stdout.readline() or "{}"))
    return seen
