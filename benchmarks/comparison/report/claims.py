"""Common claims about QUIC and VPNs, and what the results of a benchmark show.

Each answer follows from intervals alone, whichever way they point, and says what was not measured.
A difference counts where the interval of the paired ratio does not hold 1, and the ratio
is at least 1 % from it, and further than that of two runs of the same arm (the A/A pair). How much
single runs vary is in the interval of the arms themselves: an A/A pair with cubic under loss says
nothing of how BBR varies there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks.arms import AGAIN, REFERENCE
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.report import text
from benchmarks.comparison.report.markdown import table
from benchmarks.comparison.report.summary import link_title
from benchmarks.comparison.results import Cell, cells
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.statistics import Estimate, estimate, paired_ratio

QUIC, QUIC_BBR = "quic-qh3", "quic-bbr"
NATIVE, NATIVE_BBR = "quic-native", "quic-native-bbr"
"""The engine that has to be installed by hand: its figures are shown beside those of the other."""
TCP, TCP_BBR = REFERENCE, "tcp-bbr"
VPNS = ("wireguard", "openvpn", "ipsec")
"""The real ones: a model decides nothing."""
BETTER, WORSE, SAME = "better", "worse", "no different"
TOO_SMALL = 0.01
"""A difference that makes no difference to users."""
NOT_MEASURED = "Not measured in this result."


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, what the figures say of it, why, and the figures."""

    said: str
    outcome: str
    why: str
    headings: Sequence[str] = ()
    lines: Sequence[Sequence[str]] = ()


class Evidence:
    """The cells of one or several results."""

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self.cells: dict[tuple[str, str, str], Cell] = {}
        for result in results:
            for key, cell in cells(dict(result)).items():
                if cell.samples:
                    self.cells.setdefault(key, cell)

    def link(self, work: str, *, lossy: bool) -> str | None:
        """The first link with a rate on which this was done with the reference or QUIC."""
        for link, done, arm in self.cells:
            choice = LinkChoice.parse(link)
            if done == work and choice.rate and bool(choice.loss.mean) == lossy and arm != AGAIN:
                return link
        return None

    def cell(self, link: str | None, work: str, arm: str) -> Cell | None:
        """An arm's samples."""
        return None if link is None else self.cells.get((link, work, arm))

    def ratio(self, link: str | None, work: str, first: str, second: str, key: str) -> "Ratio":
        """How many times the second arm's figure the first arm's is."""
        metric = next(m for m in WORKS[work].metrics if m.key == key)
        return self.compared(
            link, work, first, second, lambda cell: cell.values(key), metric.more_is_better
        )

    def compared(
        self,
        link: str | None,
        work: str,
        first: str,
        second: str,
        values: Callable[[Cell], dict[int, float]],
        more_is_better: bool = False,
    ) -> "Ratio":
        """The same of what is computed from a cell; the A/A pair says what is noise in it."""
        one, two, same, again = (
            self.cell(link, work, arm) for arm in (first, second, REFERENCE, AGAIN)
        )
        found = paired_ratio(values(one), values(two)) if one and two else None
        twice = paired_ratio(values(again), values(same)) if same and again else None
        return Ratio(found, abs(twice.median - 1) if twice else 0.0, more_is_better)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One arm's figure over another's, in pairs; None where they were not both measured."""

    estimate: Estimate | None
    noise: float = 0.0
    more_is_better: bool = False

    @property
    def outcome(self) -> str | None:
        """Return how the first arm compares with the second."""
        found = self.estimate
        if found is None:
            return None
        if found.low <= 1 <= found.high or abs(found.median - 1) <= max(self.noise, TOO_SMALL):
            return SAME
        return BETTER if (found.median > 1) == self.more_is_better else WORSE

    @property
    def line(self) -> list[str]:
        """For a table."""
        return [text.ratio(self.estimate), self.outcome or "not measured"]


def place(link: str, work: str) -> str:
    """A cell's name."""
    return f"{WORKS[work].title}; {link_title(link)}"


def joined(words: Sequence[str]) -> str:
    """A list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def overhead(evidence: Evidence) -> Claim:
    """Bytes, speed and processor time against each VPN."""
    said = "No overhead compared with a VPN"
    why = (
        "Bytes: QUIC puts its header, a tag and UDP around each piece of the stream, a VPN puts its"
        " own around whole packets of TCP, headers and all; what the queue dropped has been sent"
        " and counts. Processor time: here QUIC runs in Python with a core in Rust, TCP in the"
        " kernel, and these VPNs in user space, in Go and C; a VPN in the kernel would take less."
    )
    work = "bulk-read"
    link = evidence.link(work, lossy=False)
    lines: list[list[str]] = []
    behind: list[str] = []
    ahead: list[str] = []
    for arm, vpn in product((QUIC, NATIVE), VPNS):
        if link is None or None in (evidence.cell(link, work, each) for each in (arm, vpn)):
            continue
        ratios = {
            "bytes on the wire": evidence.compared(link, work, arm, vpn, wire_bytes),
            "goodput": evidence.ratio(link, work, arm, vpn, "goodput"),
            "processor time": evidence.compared(link, work, arm, vpn, cpu_seconds),
        }
        for name, ratio in ratios.items():
            lines.append([f"{name}, {arm} / {vpn}", *ratio.line, place(link, work)])
        if arm != QUIC:
            continue
        for outcome, found in ((WORSE, behind), (BETTER, ahead)):
            if names := [name for name, ratio in ratios.items() if ratio.outcome == outcome]:
                found.append(f"{vpn} in {joined(names)}")
    if not lines:
        return Claim(said, NOT_MEASURED, why)
    parts = [f"Not so: QUIC is behind {'; behind '.join(behind)}."] if behind else []
    if ahead:
        parts.append(f"{'It' if behind else 'QUIC'} is ahead of {'; ahead of '.join(ahead)}.")
    outcome = " ".join(parts) or "No difference was found."
    return Claim(said, outcome, why, ("what", "value", "QUIC is", "cell"), lines)


def cpu_seconds(cell: Cell) -> dict[int, float]:
    """Processor seconds of client, server and VPN, by block."""
    return {
        block: sum(s for role, s in figures["cpu"].items() if role != "emulator")
        for block, figures in cell.samples.items()
    }


def wire_bytes(cell: Cell) -> dict[int, float]:
    """Bytes of IP packets in both directions for each byte of files, by block."""
    return {
        block: sum(way["bytes"] for way in figures["wire"].values()) / figures["bytes"]
        for block, figures in cell.samples.items()
    }


def round_trips(evidence: Evidence) -> Claim:
    """From the first packet to a usable share."""
    said = "1 round trip instead of 3"
    why = (
        "The 3 are TCP's and two of TLS 1.2. SMB over TCP has no TLS: it needs one round trip for"
        " TCP, and QUIC needs one for its handshake with TLS 1.3 in it, resumed or not. What comes"
        " then, to negotiate, to log on and to open the share, is SMB's and the same for all."
        " WireGuard's handshake comes in front of TCP's; openvpn and ipsec were up before the first"
        " connection, so theirs is not in these figures. The first connection of two processes"
        " also pays for what their libraries set up once, which for quic-qh3 takes longer than the"
        " round trips saved."
    )
    link = evidence.link("connect", lossy=False)
    trips: dict[str, tuple[float, float]] = {}
    lines = []
    for work in ("connect", "connect-again", "connect-resumed"):
        for arm in (QUIC, NATIVE, TCP, "wireguard", "openvpn", "ipsec"):
            cell = evidence.cell(link, work, arm)
            if cell is None or link is None:
                continue
            total = estimate(list(cell.values("round_trips").values()))
            transport = estimate(
                [figures["round_trips_after"]["transport"] for figures in cell.samples.values()]
            )
            if work == "connect":
                trips[arm] = transport.median, total.median
            lines.append(
                [
                    arm,
                    f"{transport.median:g} ({transport.low:g} to {transport.high:g})",
                    f"{total.median:g} ({total.low:g} to {total.high:g})",
                    text.shown(
                        estimate(list(cell.values("total").values())), WORKS[work].metrics[0]
                    ),
                    place(link, work),
                ]
            )
    if QUIC not in trips or TCP not in trips:
        return Claim(said, NOT_MEASURED, why)
    (ours, our_total), (theirs, their_total) = trips[QUIC], trips[TCP]
    outcome = (
        f"QUIC takes {ours:g} and TCP {theirs:g} until SMB can begin, {our_total:g} and"
        f" {their_total:g} until the share is usable"
    )
    if vpn := trips.get("wireguard"):
        outcome += f"; TCP in WireGuard takes {vpn[0]:g} and {vpn[1]:g}"
    others = {"TCP": their_total} | ({"WireGuard": vpn[1]} if vpn else {})
    fewer = [name for name, total in others.items() if our_total < total]
    more = [name for name, total in others.items() if our_total > total]
    outcome += f". QUIC saves round trips against {joined(fewer)}" if fewer else ". None are saved"
    outcome += f"; QUIC takes more than {joined(more)}." if more else "."
    headings = ("arm", "round trips to a connection", "to a share", "time, ms", "cell")
    return Claim(said, outcome, why, headings, lines)


def loss(evidence: Evidence) -> Claim:
    """The transport apart from the congestion control."""
    said = "Better under loss"
    why = (
        "Each lost packet makes cubic slow down. BBR does not take losses for congestion."
        " Compare like with like: a comparison of QUIC with BBR against TCP with cubic shows what"
        " BBR does, and TCP can have that too."
    )
    work = "bulk-read"
    link = evidence.link(work, lossy=True)
    pairs = (
        (QUIC, TCP, "both cubic"),
        (QUIC_BBR, TCP_BBR, "both BBR"),
        (NATIVE, TCP, "both cubic, engine native"),
        (NATIVE_BBR, TCP_BBR, "both BBR, engine native"),
        (QUIC_BBR, TCP, "BBR against cubic"),
    )
    found = [(evidence.ratio(link, work, a, b, "goodput"), a, b, w) for a, b, w in pairs]
    found = [one for one in found if one[0].estimate is not None]
    if not found or link is None:
        return Claim(said, NOT_MEASURED, why)
    alike = [f"{one.outcome} with {words}" for one, *_, words in found if words.startswith("both")]
    outcome = (
        f"With the same congestion control QUIC's goodput is {joined(alike)}."
        if alike
        else NOT_MEASURED
    )
    lines = [
        [f"goodput, {a} / {b} ({words})", *one.line, place(link, work)]
        for one, a, b, words in found
    ]
    return Claim(said, outcome, why, ("what", "value", "QUIC is", "cell"), lines)


def roaming(evidence: Evidence) -> Claim:
    """Transfers whose client gets another address."""
    said = "Survives network changes"
    why = (
        "QUIC recognizes a connection by its connection IDs and not by addresses, and these VPNs"
        " recognize their peers by keys, so what they carry does not notice. A TCP connection is"
        " bound to both addresses: a client has to connect again, and to continue by itself."
    )
    work = "address-change"
    link = evidence.link(work, lossy=False)
    lines: list[list[str]] = []
    survivors: list[str] = []
    dead: list[str] = []
    for arm in (QUIC, "quic-aioquic", NATIVE, TCP, "wireguard", "openvpn", "ipsec"):
        cell = evidence.cell(link, work, arm)
        if cell is None or link is None:
            continue
        outcomes = list(cell.values("survived").values())
        (survivors if min(outcomes) else dead).append(arm)
        gaps = list(cell.values("gap").values())
        pause = text.shown(estimate(gaps), WORKS[work].metrics[1]) if gaps else "-"
        lines.append([arm, f"{sum(outcomes):.0f} of {len(outcomes)}", pause, place(link, work)])
    if not lines:
        return Claim(said, NOT_MEASURED, why)
    outcome = (
        f"Every transfer went on over {joined(survivors)}"
        if survivors
        else "No arm always survived"
    )
    if dead:
        outcome += f", not every one over {joined(dead)}"
    return Claim(said, outcome + ".", why, ("arm", "survived", "longest pause, ms", "cell"), lines)


def head_of_line(evidence: Evidence) -> Claim:
    """A small request while a large file is on its way."""
    said = "No head-of-line blocking"
    why = (
        "This claim is about connections with several streams. SMB over QUIC uses one stream"
        " ([MS-SMB2] 2.1), and so a lost packet holds up what comes after it, as over TCP. What is"
        " different here comes from queues and from who sends how much ahead, not from streams."
    )
    work = "loaded-latency"
    lines: list[list[str]] = []
    cases: dict[str, list[str]] = {}
    for lossy in (False, True):
        link = evidence.link(work, lossy=lossy)
        for arm, key in product((QUIC, NATIVE), ("p50", "p99")):
            one = evidence.ratio(link, work, arm, TCP, key)
            if one.estimate is None or link is None:
                continue
            lines.append([f"{key}, {arm} / {TCP}", *one.line, place(link, work)])
            if arm == QUIC:
                case = f"{key} {'with' if lossy else 'without'} loss"
                cases.setdefault(one.outcome or NOT_MEASURED, []).append(case)
    if not lines:
        return Claim(said, NOT_MEASURED, why)
    parts = [f"{outcome} at {joined(names)}" for outcome, names in cases.items()]
    outcome = (
        "The latency of a small request during a large transfer, compared with TCP, is"
        f" {'; '.join(parts)}."
    )
    return Claim(said, outcome, why, ("what", "value", "QUIC is", "cell"), lines)


CLAIMS = (overhead, round_trips, loss, roaming, head_of_line)


def origin(result: Mapping[str, Any]) -> str:
    """One result, in a line."""
    machine = result["machine"]
    return (
        f"- `{result['profile']}` of {result['started'][:10]}: {result['blocks']} blocks, seed"
        f" {result['seed']}, {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}"
    )


def page(results: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The page, as Markdown. Raises `ValueError` without a result."""
    if not results:
        raise ValueError("no result")
    evidence = Evidence(results)
    parts = [
        f"<!-- made by `python -m benchmarks claims {' '.join(names)}`; do not edit -->",
        "# QUIC or a VPN? What is said, and what was measured",
        "Ratios are paired, block by block, and medians have bootstrapped 95 % intervals. A"
        " difference counts if its interval does not contain 1, and if it is larger than 1 % and"
        " larger than the difference between two runs of the same arm; otherwise the table says"
        f" *{SAME}*. Client, server and VPN shared one machine with the emulated link. A program"
        " derives the answer to each claim, in bold, from the figures. Arms, blocks and cells are"
        " explained in [How the benchmark measures](explanation/benchmark-method.md).",
    ]
    for claim in (make(evidence) for make in CLAIMS):
        parts += [f'## "{claim.said}"', f"**{claim.outcome}** {claim.why}"]
        if claim.lines:
            parts.append(table(list(claim.headings), [list(line) for line in claim.lines]))
    parts += ["## Where the figures come from", "\n".join(map(origin, results))]
    return "\n\n".join(parts) + "\n"
