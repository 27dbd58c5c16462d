"""Words and numbers that the pages share."""

from typing import Any

from benchmarks.comparison.report.checks import BULK, QUIET, UNEXPLAINED, Expectation
from benchmarks.comparison.report.summary import Row, Summary, link_title
from benchmarks.comparison.works import Metric
from benchmarks.statistics import Estimate

HOW = (
    "Two network namespaces are joined by an emulator that forwards single packets between TUN"
    " devices: a rate, a queue, a delay and losses, the same for every arm. Each visit has a fresh"
    " link with a seed of its own, a fresh server and fresh connections; all arms take turns in"
    " blocks, in random order, and the first block is discarded.",
    "Medians with bootstrapped 95 % intervals. Ratios are paired: each block's figure against the"
    " figure of tcp-encrypted in the same block. Every file that moved was compared by its SHA-256."
    " Visits in which the link or a hash was wrong are not counted, but listed.",
)
LIMITS = (
    "Client, server, VPN and emulator share this machine's cores: where a row is marked CPU-bound,"
    " it says how fast the program is, not what the link gives.",
    "An emulated link has no other traffic, and its losses are independent of the load unless the"
    " name says bursts.",
    "WireGuard makes its handshake when the first packet comes, so it is in the figures of"
    " connecting. OpenVPN and strongSwan have made theirs before; it is not.",
    "What was sent again is counted by each kernel for TCP, by each engine for QUIC (aioquic counts"
    " probes among it), and for a VPN as what TCP inside of it sent again.",
    "Under loss the congestion control decides, not the transport: compare quic-bbr with tcp-bbr,"
    " and cubic with cubic. SMB over QUIC uses one stream, so there is no head-of-line advantage"
    " to be had.",
    "vpn-model is a model: it has ESP's bytes and AES-GCM, and nothing else of IPsec.",
)
LEGEND = {
    "bulk": "Goodput of one large file, opening and closing included. A dot is the median, the bar"
    " its 95 % interval; where the bars of two arms overlap, this run shows no difference.",
    "small": "What many small operations take: round trips decide, not the rate.",
    "connect": "Up to a usable share. The stages are medians; the round trips are"
    " counted in the packets on the wire.",
    "latency": "How long one operation takes, in the median; the table has the slow ones.",
    "loaded-latency": "How long a small request takes that waits behind a large file on the same"
    " connection, in the median: mostly the queue in front of the link, and how much the sender"
    " has put ahead of it.",
    "against-tcp": "What a reader gets of the bytes beside one plain TCP connection (cubic) that"
    " reads as well. Half is fair: more is not better. The transfer is short, so starting up"
    " quickly counts too.",
    "competing": "Two readers of the same kind: 1 means that both got the same.",
    "address-change": "Transfers that went on after the client's address had changed: 1 is all.",
}


def legend(work: str, metric: Metric) -> str:
    """Return the legend of a work's main figure, and which way is better."""
    group = "latency" if metric.key == "p50" else "bulk" if work in BULK else "small"
    words = LEGEND.get(work, LEGEND[group])
    if work == "against-tcp":
        return words
    return f"{words} {'More' if metric.more_is_better else 'Less'} is better."


def trust(summary: Summary) -> list[str]:
    """Return the doubts about a run that a reader must know first."""
    found = [counted(summary)]
    for one in summary.tables:
        if one.work in BULK and one.noise is not None:
            found.append(f"{sentence(one.title)}, {link_title(one.link)}: {one.noise_check}")
    if summary.calibration:
        wrong = [f"{one['link']}: {', '.join(one['wrong'])}" for one in summary.calibration]
        wrong = [line for line, one in zip(wrong, summary.calibration, strict=True) if one["wrong"]]
        found.append(
            f"Not as it was set: {'; '.join(wrong)}."
            if wrong
            else "Every calibrated link was as it was set: see the calibration."
        )
    if expected := summary.expectations:
        near = sum(not one.explanation for one in expected)
        open_ = [f"{o.arm} ({o.work})" for o in expected if UNEXPLAINED in o.explanation]
        found.append(
            f"On clean links {near} of {len(expected)} goodputs are within 3 % of what headers"
            " allow. The table of what headers allow says why the others are not"
            + (f"; not explained: {', '.join(open_)}." if open_ else ".")
        )
    return found


def only(summary: Summary, link: str) -> str:
    """Which arms a link was limited to; empty where it was not."""
    for leg in summary.description["legs"]:
        if leg["link"] == link and leg.get("arms"):
            return f"On this link only these were run, to save time: {', '.join(leg['arms'])}."
    return ""


def sentence(words: str) -> str:
    """With a capital letter at its beginning, and all others as they are."""
    return words[:1].upper() + words[1:]


def number(value: float, digits: int = 1) -> str:
    """With thousands set apart."""
    return f"{value:,.{digits}f}"


def shown(found: Estimate | None, metric: Metric) -> str:
    """A median with its interval."""
    if found is None:
        return "-"
    median, low, high = (
        number(value * metric.scale, metric.digits)
        for value in (found.median, found.low, found.high)
    )
    return f"{median} ({low} to {high})"


def ratio(found: Estimate | None) -> str:
    """A paired ratio with its interval."""
    if found is None:
        return "-"
    return f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"


def notes(row: Row) -> str:
    """Return the remarks about a row."""
    found = []
    if row.cpu_bound:
        found.append(f"CPU-bound ({row.busy:.0%} of a core)")
    if row.invalid:
        found.append(f"{len(row.invalid)} invalid")
    return ", ".join(found)


def columns(summary_rows: list[Row], metrics: tuple[Metric, ...]) -> list[str]:
    """The headings of a table."""
    units = [f"{m.title}{', ' + m.unit if m.unit else ''}" for m in metrics]
    more = ["N", "x tcp-encrypted"]
    if any(row.link_share for row in summary_rows):
        more.append("share of the link")
    if any(row.wire_per_payload for row in summary_rows):
        more += ["wire/payload", "CPU s/GiB"]
    if any(row.sent_again for row in summary_rows):
        more.append("sent again")
    return ["arm", *units, *more, "notes"]


def line(row: Row, metrics: tuple[Metric, ...], headings: list[str]) -> list[str]:
    """A row's cells."""
    first = row.values.get(metrics[0].key)
    found = [row.arm, *(shown(row.values.get(m.key), m) for m in metrics)]
    found += [str(first.count if first else 0), ratio(row.ratio)]
    if "share of the link" in headings:
        found.append("-" if row.link_share is None else f"{row.link_share:.1%}")
    if "wire/payload" in headings:
        wire = row.wire_per_payload
        found.append("-" if wire is None else f"{wire:.3f}")
        cpu = [f"{role} {number(seconds)}" for role, seconds in sorted(row.cpu_per_gib.items())]
        found.append(", ".join(cpu) or "-")
    if "sent again" in headings:
        again = [f"{end} {count:g}" for end, count in sorted(row.sent_again.items())]
        found.append(", ".join(again) or "-")
    return [*found, notes(row)]


def machine(description: dict[str, Any]) -> list[tuple[str, str]]:
    """The machine, for a list."""
    found = description["machine"]
    versions = {**found["packages"], **found["programs"]}
    return [
        ("processor", f"{found['cpu']}, {found['cores']} cores"),
        ("system", f"{found['system']}, Linux {found['kernel']}, Python {found['python']}"),
        ("versions", ", ".join(f"{name} {v}" for name, v in versions.items() if v)),
        ("sysctls", "; ".join(f"{name} = {v}" for name, v in found["sysctls"].items() if v)),
        ("commit", str(found["commit"])),
        ("seed", str(description["seed"])),
        ("started", description["started"]),
        ("command", f"python -m benchmarks run --profile {description['profile']}"),
    ]


def counted(summary: Summary) -> str:
    """How much of it there is, and what was invalid or left out."""
    missing = summary.description["missing"]
    text = f"{summary.visits} visits, of which {summary.invalid_visits} were invalid."
    median, worst = summary.bystanders
    text += (
        f" Other programs took {median:.0%} of the machine in the median visit, {worst:.0%} in the"
    )
    text += " worst"
    text += "." if median < QUIET else ": too much, these figures are no good for citing."
    for name, lacking in missing.items():
        text += f" Left out: {name} ({'; '.join(lacking)})."
    return text


def calibration_line(found: dict[str, Any]) -> list[str]:
    """A link, set against measured."""
    sent = max(found["sent"], 1)
    low, high = (bound / sent for bound in found["loss_interval"])
    return [
        found["link"],
        f"{found['round_trip'] / 1e6:.1f} / {found['round_trip_measured'] / 1e6:.2f}",
        " / ".join(f"{found[key] / 1e6:.2f}" for key in ("rate", "udp_rate", "tcp_rate")),
        f"{found['loss']:.2%} / {found['lost'] / sent:.2%} ({low:.2%} to {high:.2%})",
        ", ".join(found["wrong"]) or "as set",
    ]


def expectation_line(found: Expectation) -> list[str]:
    """An arm beside what its headers allow."""
    goodput = found.goodput
    steady, difference = found.steady, found.steady_difference
    after = (
        "-" if steady is None or difference is None else f"{steady / 1e6:.1f} ({difference:+.1%})"
    )
    return [
        found.arm,
        found.work,
        found.link,
        f"{found.allowed / 1e6:.1f}",
        f"{goodput.median / 1e6:.1f} ({goodput.low / 1e6:.1f} to {goodput.high / 1e6:.1f})",
        f"{found.difference:+.1%}",
        after,
        found.explanation or "within 3 %",
        found.formula,
    ]


EXPECTATIONS = [
    "arm",
    "work",
    "link",
    "headers allow, Mbit/s",
    "goodput, Mbit/s",
    "difference",
    "after the start-up",
    "why",
    "a full packet's bytes",
]
EXPECTED = (
    "What an arm can reach at most is what its headers leave of the link, whose rate counts IP"
    " packets (Ethernet's frames are no part of it): bytes of a full packet that belong to SMB's"
    " stream, less SMB's own headers in front of each MiB. A goodput further off than 3 % is"
    " explained by what the link saw: how long it was idle, how much it carried between a quarter"
    " and nearly all of the bytes (after the start-up), and what was dropped."
)
CALIBRATION = [
    "link",
    "RTT in ms, set / ping",
    "rate in Mbit/s, set / UDP / TCP",
    "loss, set / measured (99.9 % of runs)",
    "",
]
