"""The service of honest clients while others attack the server, and the memory of the server.

    python -m tests.flood --json FILE
    python -m tests.flood --attack mixed-packets --engine qh3 --engine aioquic --seconds 60
    python -m tests.flood --behind smbd
    python -m tests.flood --cost

For each attack a server is started, `smbquic serve` as it is, two honest clients, one over QUIC and
one over TCP, that read a big file, do small things and read 4 KiB here and there, and attackers;
each in a process of its own. The clients are measured before the attack, under it, and after it
beside a process that takes as much of the processor as the attackers did and talks to nobody: on
one machine, that part is not the server's doing. Ends with 1 where a client got less than 80 % of
the latter under an attack, or waited over 50 ms for one in 100 reads of 4 KiB, or where the server
came to need more memory than it says it may.

With `--behind` a gateway is attacked, over QUIC, which is all that it has. Between it and the
server a back end notes what comes before a logon: ends with 1, too, where that is anything else
than a logon. smbd has no account for slow clients, and takes root.

With `--cost` there are no honest clients: what is measured is the processor's time that the server
takes for a byte of each attack with datagrams, beside a byte of honest handshakes. Ends with 1
where that is more than five times as much.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.engines import ENGINES, INSTALLED
from tests.flood import cost
from tests.flood.attack import ATTACKS, DATAGRAMS
from tests.flood.run import AttackPlan, AttackResult, Gains, Phase, run

LEAST = 0.8
SLOWEST = 0.05
"""Seconds."""
SLOW_SECONDS = 40.0
"""Slow clients are disconnected after 30 s: the attack has to last longer."""
RATE, COUNT = 500.0, 5000
RATES = {"tls": 20.0}
COUNTS = {"slow-readers": 200, "slow-writers": 200, **dict.fromkeys(DATAGRAMS, 256)}
ONLY_TCP = {"connects"}
SLOW = {"slow-readers", "slow-writers"}
MIB = 1 << 20


def lines(outcome: AttackResult) -> Iterator[str]:
    """The lines of the report on one attack."""
    plan = outcome.plan
    phases = (outcome.quiet, outcome.attack, outcome.ballast)
    behind = f"a gateway to {plan.backend}, " if plan.backend else ""
    yield (
        f"{plan.attack} for {plan.seconds:.0f} s, {behind}engine {plan.engine},"
        f" load {outcome.load:.1f}"
    )
    yield "  sent: " + ", ".join(f"{count} {what}" for what, count in outcome.sent.items())
    yield f"  {'':<26}{'quiet':>12}{'attack':>12}{'ballast':>12}{'of quiet':>12}{'of ballast':>12}"
    for transport in plan.transports:
        yield from _client_lines(transport, phases)
    server = "".join(f"{each.server_cpu:>12.0%}" for each in phases)
    yield f"  {'processor: server':<26}{server}"
    share = f"{0:>12.0%}{outcome.attackers_cpu:>12.0%}{outcome.attackers_cpu:>12.0%}"
    yield f"  {'processor: others':<26}{share}"
    first, peak, limit = (size // MIB for size in outcome.memory)
    yield f"  memory: {first} MiB at first, {peak} at most, limit {limit}"
    refused = ", ".join(f"{count} {why}" for why, count in outcome.refused.items())
    yield f"  refused: {refused or 'nobody'}"
    yield f"  audit: {outcome.audit / 1024:.0f} KiB"
    if (record := outcome.behind) is not None:
        commands = ", ".join(f"{count} of {name}" for name, count in record.commands.items())
        yield (
            f"  back end: {record.connections} connections, {record.logged_on} logged on;"
            f" before logons {record.bytes_before} bytes in commands {commands or 'none'},"
            f" {len(record.faults)} faults"
        )


def _client_lines(transport: str, phases: Sequence[Phase]) -> Iterator[str]:
    gains: list[Gains] = [each.clients[transport] for each in phases]
    for what, unit, scale in (("get", "MB/s", 1e6), ("small", "operations/s", 1.0)):
        rates = [getattr(each, what) / scale for each in gains]
        parts = [rates[1] / other if other else 0.0 for other in (rates[0], rates[2])]
        yield (
            f"  {f'{transport}: {what}, {unit}':<26}"
            + "".join(f"{rate:>12.1f}" for rate in rates)
            + "".join(f"{part:>12.0%}" for part in parts)
        )
    worst = "".join(f"{each.worst * 1000:>12.0f}" for each in gains)
    yield f"  {'slowest small one, ms':<26}{worst}"
    pages = "".join(f"{each.page * 1000:>12.1f}" for each in gains)
    yield f"  {'p99 of 4 KiB reads, ms':<26}{pages}"
    visits = "".join(f"{f'{each.visited}/{each.visits}':>12}" for each in gains)
    yield f"  {'newcomers accepted':<26}{visits}"
    if lost := gains[1].lost:
        yield f"  the honest client over {transport} lost its connection {lost} times"


def table(outcomes: Sequence[AttackResult]) -> Iterator[str]:
    """A line for each attack: memory, and what each client kept, in percent of the ballast's."""
    transports = sorted({name for each in outcomes for name in each.plan.transports})
    heads = "".join(f"{name + ' get %':>12}{'small %':>9}{'p99 ms':>8}" for name in transports)
    yield f"{'attack':<22}{'engine':<9}{'MiB':>6}{'limit':>7}{heads}"
    for each in outcomes:
        _, peak, limit = (size // MIB for size in each.memory)
        line = f"{each.plan.attack:<22}{each.plan.engine:<9}{peak:>6}{limit:>7}"
        for transport in transports:
            get, small = each.ratios(transport, each.ballast)
            page = each.attack.clients[transport].page * 1000
            line += f"{get * 100:>12.0f}{small * 100:>9.0f}{page:>8.1f}"
        yield line


def _attacks_on(backend: str | None) -> list[str]:
    """The attacks that a server can be attacked with, or a gateway to such a back end."""
    left_out = {None: set(), "serve": ONLY_TCP, "smbd": ONLY_TCP | SLOW}[backend]
    return [attack for attack in ATTACKS if attack not in left_out]


def plans(given: argparse.Namespace) -> Iterator[AttackPlan]:
    """Yield the plans that the command line asks for."""
    for engine in given.engine or ["auto"]:
        for attack in given.attack or _attacks_on(given.behind):
            slow = attack.startswith("slow-") and given.seconds >= 10
            yield AttackPlan(
                attack=attack,
                engine=engine,
                backend=given.behind or "",
                transports=("quic",) if given.behind else tuple(given.honest or ("quic", "tcp")),
                seconds=max(given.seconds, SLOW_SECONDS if slow else 0.0),
                quiet=given.quiet,
                rate=given.rate or RATES.get(attack, RATE),
                count=given.count or COUNTS.get(attack, COUNT),
                nice=given.nice,
            )


def flood(given: argparse.Namespace) -> tuple[list[dict[str, object]], list[str]]:
    """Attack servers with honest clients: reports, and what is not as it should be."""
    outcomes = []
    for plan in plans(given):
        outcome = run(plan)
        outcomes.append(outcome)
        print("\n".join(lines(outcome)), flush=True)
    print("\n".join(table(outcomes)))
    faults = [fault for each in outcomes for fault in each.faults(LEAST, SLOWEST)]
    if not faults:
        print(f"all got {LEAST:.0%}, and 4 KiB in {SLOWEST * 1000:.0f} ms, within the memory")
    return [each.report() for each in outcomes], faults


def costs(given: argparse.Namespace) -> tuple[list[dict[str, object]], list[str]]:
    """Measure what bytes cost: reports, and what is not as it should be."""
    reports, faults = [], []
    print(f"{'attack':<22}{'engine':<9}{'kB':>8}{'us/byte':>10}{'of honest':>11}")
    for engine in given.engine or INSTALLED:
        honest = cost.honest(engine, seconds=given.seconds)
        measured = [honest]
        for attack in given.attack or DATAGRAMS:
            rate = given.rate or RATE
            measured.append(cost.measure(attack, engine, seconds=given.seconds, rate=rate))
        for each in measured:
            times = each.of_byte / honest.of_byte if honest.of_byte else 0.0
            print(
                f"{each.attack:<22}{engine:<9}{each.bytes / 1000:>8.0f}"
                f"{each.of_byte * 1e6:>10.2f}{times:>11.1f}",
                flush=True,
            )
            reports.append({**each.report(), "of_honest": times})
            if times > cost.MOST:
                faults.append(f"{each.attack}, engine {engine}: a byte costs {times:.1f} times")
    return reports, faults


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.flood",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--attack", action="append", choices=ATTACKS, help="repeatable; else all")
    parser.add_argument("--cost", action="store_true", help="measure the cost of a byte instead")
    parser.add_argument("--seconds", type=float, default=25.0, help="of an attack")
    parser.add_argument("--quiet", type=float, default=6.0, help="seconds before and after it")
    parser.add_argument("--rate", type=float, help=f"of what is sent, in a second; {RATE:.0f}")
    parser.add_argument(
        "--count", type=int, help=f"connections that are kept; {COUNT}, of datagrams 256"
    )
    parser.add_argument(
        "--engine",
        action="append",
        choices=["auto", *ENGINES],
        help="the server's, repeatable; auto, as `serve` has it, or with --cost all of them",
    )
    parser.add_argument(
        "--honest", action="append", choices=["quic", "tcp"], help="clients; else both"
    )
    parser.add_argument(
        "--behind", choices=["serve", "smbd"], help="attack a gateway to such a server"
    )
    parser.add_argument("--nice", type=int, default=10, help="of the attackers")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    if given.cost and not set(given.attack or ()) <= set(DATAGRAMS):
        parser.error(f"--cost takes attacks with datagrams: {', '.join(DATAGRAMS)}")
    if not set(given.attack or ()) <= set(_attacks_on(given.behind)):
        parser.error(f"--behind {given.behind}: {', '.join(_attacks_on(given.behind))}")
    if given.behind and (given.cost or given.honest):
        parser.error("--behind goes with neither --cost nor --honest")
    reports, faults = (costs if given.cost else flood)(given)
    if given.json:
        given.json.write_text(json.dumps(reports, indent=1) + "\n")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
