"""The report as one HTML page that needs nothing else: no script, no network."""

from collections.abc import Sequence
from html import escape

from benchmarks import svg
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.report import text
from benchmarks.comparison.report.summary import Row, Summary, Table, link_title
from benchmarks.comparison.works.connecting import STAGES

_STYLE = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; font-size: 1.7rem; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: .3rem; }
p, li { max-width: 48rem; } p.soft, figcaption { color: var(--soft); font-size: .9rem; }
.plots { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; padding: .8rem; background: var(--panel); border-radius: .5rem; min-width: 0; }
.key span { white-space: nowrap; margin-right: 1rem; } .key svg { display: inline-block; }
.scroll { overflow-x: auto; max-width: 100%; }
details { margin: .6rem 0; } summary { cursor: pointer; }
table { border-collapse: collapse; font-size: .85rem; } caption { text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left;
  vertical-align: top; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.sentences td, .sentences th { white-space: normal; min-width: 4.5rem; }
.sentences td:nth-last-child(-n+2) { min-width: 17rem; }
dt { color: var(--soft); font-size: .85rem; }
"""
_BULK = ("bulk-write", "bulk-read")


def kind(arm: str) -> str:
    """The colour that an arm has everywhere."""
    if arm.startswith(("wireguard", "openvpn", "ipsec", "vpn")):
        return "vpn"
    if arm.startswith("quic"):
        return "quic"
    return "tcp" if arm.startswith("tcp") else "other"


def table(
    headings: Sequence[str], lines: Sequence[Sequence[str]], *, sentences: bool = False
) -> str:
    """A table that scrolls in its own frame. Where cells hold sentences, they are broken."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headings)
    kind = ' class="sentences"' if sentences else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f'<div class="scroll"><table{kind}><tr>{head}</tr>{body}</table></div>'


def figure(title: str, drawing: str, caption: str) -> str:
    """A drawing with words."""
    return (
        f"<figure><h3>{escape(title)}</h3>{drawing}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def bars(found: Table) -> list[svg.Bar]:
    """Return the main figure of a work, arm by arm."""
    metric = found.metrics[0]
    drawn = []
    for row in found.rows:
        value = row.values.get(metric.key)
        if value is not None:
            label = row.arm + (" (CPU-bound)" if row.cpu_bound else "")
            drawn.append(
                svg.Bar(
                    label=label,
                    value=value.median * metric.scale,
                    low=value.low * metric.scale,
                    high=value.high * metric.scale,
                    text=text.shown(value, metric),
                    kind=kind(row.arm),
                )
            )
    return drawn


def dots(found: Table) -> str:
    """Draw the main figure of a work."""
    metric = found.metrics[0]
    return figure(
        f"{text.sentence(found.title)}",
        svg.dots(found.title, bars(found), metric.unit),
        f"{text.legend(found.work, metric)} {found.noise_check}".rstrip(),
    )


def connect(found: Table) -> str:
    """The stages of connecting."""
    rows = [_stages(row) for row in found.rows if row.values]
    return figure(
        f"{text.sentence(found.title)}",
        svg.stages(found.title, rows, "ms"),
        f"{text.LEGEND['connect']} Colours are stages here, in order:"
        " transport (QUIC: with TLS), negotiate, session, tree.",
    )


def _stages(row: Row) -> tuple[str, str, list[tuple[str, float]]]:
    parts = [(stage, row.values[stage].median * 1e3) for stage in STAGES]
    trips, total = row.values["round_trips"].median, row.values["total"].median * 1e3
    return row.arm, f"{trips:g} round trips, {total:.0f} ms", parts


def cpu(found: Table) -> str:
    """Processor time for a GiB, all parts but the emulator."""
    bars = []
    for row in found.rows:
        parts = {role: s for role, s in row.cpu_per_gib.items() if role != "emulator"}
        if parts:
            total = sum(parts.values())
            bars.append(svg.Bar(row.arm, total, total, total, f"{total:.1f} s", kind(row.arm)))
    return figure(
        f"Processor time per GiB: {found.title}",
        svg.dots("processor seconds per GiB", bars, "s"),
        "Client, server and VPN together, medians without an interval; small files make it"
        " coarse. Less is better.",
    )


def against(summary: Summary, by: str) -> list[str]:
    """Goodput against loss or round trip, where there are several links to draw it from."""
    found = []
    for work in _BULK:
        groups: dict[tuple[object, ...], list[tuple[float, Table]]] = {}
        for one in summary.of_work(work):
            link = LinkChoice.parse(one.link)
            if by == "loss" and link.rate and not link.loss.good_to_bad:
                key: tuple[object, ...] = (link.round_trip, link.rate, link.queue)
                groups.setdefault(key, []).append((link.loss.mean * 100, one))
            elif by == "round trip" and link.rate and link.queue == "1bdp":
                key = (link.loss,)
                groups.setdefault(key, []).append((link.round_trip / 1e6, one))
        for points in groups.values():
            if len(points) > 1:
                found.append(_curves(sorted(points, key=lambda p: p[0]), by, work))
    return found


def _curves(points: list[tuple[float, Table]], by: str, work: str) -> str:
    metric = points[0][1].metrics[0]
    share = by == "round trip"
    arms: dict[str, list[tuple[float, float, float, float]]] = {}
    for x, found in points:
        scale = 100 / LinkChoice.parse(found.link).rate if share else metric.scale
        for row in found.rows:
            if value := row.values.get(metric.key):
                arms.setdefault(row.arm, []).append(
                    (x, value.median * scale, value.low * scale, value.high * scale)
                )
    title = f"{text.sentence(points[0][1].title)} against {by}"
    unit = "% of the link" if share else metric.unit
    lines = [svg.Curve(arm, kind(arm), values) for arm, values in arms.items()]
    drawing = svg.curves(title, "ms" if share else "% loss", unit, lines)
    return figure(title, drawing, "Bars are 95 % intervals; point at a curve for its arm.")


def section(link: str, tables: Sequence[Table], only: str) -> str:
    """All figures of a link."""
    plots = []
    details = []
    for found in tables:
        plots.append(connect(found) if found.work.startswith("connect") else dots(found))
        if found.work == "bulk-read":
            plots.append(cpu(found))
        headings = text.columns(found.rows, found.metrics)
        lines = [text.line(row, found.metrics, headings) for row in found.rows]
        problems = [f"{row.arm}: {problem}" for row in found.rows for problem in row.invalid]
        listed = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        details.append(
            f"<details><summary>{escape(found.title)}</summary>{table(headings, lines)}"
            f"{f'<p>Invalid:</p><ul>{listed}</ul>' if listed else ''}</details>"
        )
    said = f"<p>{escape(only)}</p>" if only else ""
    return (
        f"<h2>{escape(link_title(link))}</h2>{said}<div class=plots>{''.join(plots)}</div>"
        f"<h3>The figures</h3>{''.join(details)}"
    )


def page(summary: Summary) -> str:
    """The whole of it."""
    description = summary.description
    title = f"SMB over QUIC, TCP and VPNs: {description['profile']}"
    curves = [*against(summary, "loss"), *against(summary, "round trip")]
    links = dict.fromkeys(found.link for found in summary.tables)
    sections = [
        section(link, [t for t in summary.tables if t.link == link], text.only(summary, link))
        for link in links
    ]
    key = "".join(
        f'<span class="{name}"><svg width="12" height="12"><circle cx="6" cy="6" r="5"/></svg>'
        f" {words}</span>"
        for name, words in (
            ("tcp", "TCP"),
            ("quic", "QUIC"),
            ("vpn", "TCP in a VPN"),
            ("other", "for comparison"),
        )
    )
    calibration = ""
    if summary.calibration:
        lines = [text.calibration_line(found) for found in summary.calibration]
        calibration = (
            "<h2>Calibration</h2><p>Is the link as it was set? Measured by ping and iperf3, which"
            " know nothing of the emulator; a link without loss was given 1 % for this alone.</p>"
            + table(text.CALIBRATION, lines)
        )
    expected = ""
    if summary.expectations:
        lines = [text.expectation_line(found) for found in summary.expectations]
        expected = f"<h2>What headers allow</h2><p>{escape(text.EXPECTED)}</p>" + table(
            text.EXPECTATIONS, lines, sentences=True
        )
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in text.machine(description)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{svg.COLOURS}{_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>"
        f"<p>{escape(text.sentence(description['about']))}.</p>"
        "<h2>Can it be trusted?</h2><ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in text.trust(summary))
        + "</ul>"
        f"<p class=key>{key}</p>"
        + (f"<h2>Across links</h2><div class=plots>{''.join(curves)}</div>" if curves else "")
        + "".join(sections)
        + expected
        + calibration
        + "<h2>Method</h2>"
        + "".join(f"<p>{escape(line)}</p>" for line in text.HOW)
        + "<h2>What not to conclude</h2><ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in text.LIMITS)
        + f"</ul><h2>Machine</h2><dl>{facts}</dl></main></body></html>\n"
    )
