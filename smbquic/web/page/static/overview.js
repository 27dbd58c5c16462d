// The first section: the server as a whole, its rates and its state.

import { Chart } from "./charts.js";
import { element, setClass, setHidden, setText } from "./dom.js";
import { bytes, count, duration, known, milliseconds, moment, percent, plural, rate } from "./format.js";
import { Table } from "./table.js";

const RANGES = [
  ["seconds", "10 minutes", 600],
  ["minutes", "24 hours", 86400],
];

const CHARTS = [
  ["Throughput", [["received", "received"], ["sent", "sent"]], rate, 2],
  ["Latency of requests", [["latency_median_ms", "median"], ["latency_high_ms", "99th percentile"]], milliseconds],
  ["Requests a second", [["requests", "requests"]], (value) => count(known(value) ? Math.round(value) : value)],
  ["Connections", [["connections", "connections"]], count],
  ["Processor, of one core", [["processor", "all processes"]], percent],
  ["Delay of the event loop", [["loop_delay_ms", "delay"]], milliseconds],
];

// Samples as they came, in a window that moves on.
class Samples {
  constructor(span) {
    this.span = span;
    this.last = 0;
    this.times = [];
    this.values = [];
  }

  add({ first, times, values, interval }) {
    // After a restart of the server, numbers begin anew.
    if (first <= this.last) this.times = [];
    if (!this.times.length) this.values = [];
    this.times = [...this.times, ...times].slice(-this.span / interval);
    this.values = [...this.values, ...values].slice(-this.span / interval);
    this.last = first + times.length - 1;
  }
}

export class Overview {
  id = "overview";
  title = "Overview";

  constructor() {
    this.samples = Object.fromEntries(RANGES.map(([name, , span]) => [name, new Samples(span)]));
    this.range = "seconds";
    this.tiles = new Map();
    this.tileList = element("ul", { class: "tiles" });
    this.warnings = element("ul", { class: "warnings" });
    this.charts = CHARTS.map((each) => new Chart(...each));
    this.listeners = new Table(
      "Listeners",
      [
        { title: "Address", head: true, show: (row) => row.url },
        { title: "Engine", show: (row) => row.engine ?? "TCP" },
        { title: "Chosen because", wide: true, show: (row) => row.engine_reason ?? "" },
      ],
      { key: (row) => row.url },
    );
    this.workers = new Table(
      "Worker processes",
      [
        { title: "Worker", head: true, show: (row) => String(row.number) },
        { title: "Process", show: (row) => (known(row.pid) ? String(row.pid) : "starts again") },
        { title: "Connections", right: true, show: (row) => count(row.connections) },
        { title: "Processor time", right: true, show: (row) => duration(row.processor_seconds) },
        { title: "Memory", right: true, show: (row) => bytes(row.resident) },
        { title: "Restarts", right: true, show: (row) => count(row.restarts) },
      ],
      { key: (row) => row.number },
    );
    this.held = new Table(
      "Requests that kept all others waiting",
      [
        { title: "When", head: true, show: (row) => moment(row.time) },
        { title: "For", right: true, show: (row) => milliseconds(row.seconds * 1000) },
        { title: "What", wide: true, show: (row) => row.what },
      ],
      { key: (row) => `${row.time} ${row.what}`, empty: "None has kept others waiting for 10 ms." },
    );
    this.workersPart = element("section", {}, element("h3", {}, "Worker processes"), this.workers.node);
    this.heldPart = element(
      "section",
      {},
      element("h3", {}, "Requests that kept all others waiting"),
      this.held.node,
    );
    this.node = element(
      "div",
      {},
      element("h2", {}, "Overview"),
      this.warnings,
      this.tileList,
      this.ranges(),
      element("div", { class: "charts" }, ...this.charts.map(({ node }) => node)),
      element("section", {}, element("h3", {}, "Listeners"), this.listeners.node),
      this.workersPart,
      this.heldPart,
    );
  }

  ranges() {
    const buttons = RANGES.map(([name, label]) => {
      const button = element("button", { type: "button", "aria-pressed": String(name === this.range) }, label);
      button.addEventListener("click", () => {
        this.range = name;
        buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
        this.draw();
      });
      return button;
    });
    return element("div", { class: "ranges", role: "group", "aria-label": "Time that the charts show" }, ...buttons);
  }

  get parameters() {
    return { seconds: this.samples.seconds.last, minutes: this.samples.minutes.last };
  }

  update(found) {
    this.names = found.series.names;
    for (const [name] of RANGES) this.samples[name].add(found.series[name]);
    this.draw();
    this.showTiles(found);
    this.showWarnings(found);
    this.listeners.update(found.listeners ?? []);
    setHidden(this.workersPart, !found.workers?.length);
    this.workers.update(found.workers ?? []);
    setHidden(this.heldPart, !found.event_loop);
    this.held.update(found.event_loop?.recent ?? []);
  }

  draw() {
    if (!this.names) return;
    const span = RANGES.find(([name]) => name === this.range)[2];
    const samples = this.samples[this.range];
    for (const chart of this.charts) {
      // A gateway does not know what some of them show.
      const there = chart.lines.some(([name]) => this.latest(name) !== null);
      setHidden(chart.node, !there);
      if (there) chart.update(samples, this.names, span);
    }
  }

  latest(name) {
    const column = this.names.indexOf(name);
    return this.samples.seconds.values.findLast((each) => known(each[column]))?.[column] ?? null;
  }

  now(name) {
    return this.samples.seconds.values.at(-1)?.[this.names.indexOf(name)] ?? null;
  }

  showTiles({ counts, memory, open_files: files, event_loop: loop }) {
    const tiles = [
      ["Connections", count(counts.connections), `${count(counts.unauthenticated)} not logged on`],
      known(counts.sessions) && ["Sessions", count(counts.sessions), plural(counts.durable, "durable open")],
      known(counts.opens) && ["Open files", count(counts.opens), `of ${count(files?.limit)}, ${plural(counts.leases, "lease")}`],
      ["Received", rate(this.now("received")), "from clients"],
      ["Sent", rate(this.now("sent")), "to clients"],
      this.latest("requests") !== null && ["Requests", count(Math.round(this.now("requests") ?? 0)), "a second"],
      memory && ["Memory", bytes(memory.resident), `of at most ${bytes(memory.limit)}`],
      loop && ["Loop held", count(loop.held), `times, ${milliseconds(loop.longest_ms)} at most`],
      ["Packets lost", count(counts.lost_packets), "and sent again"],
      ["Turned away", count(counts.refused), "since the start"],
    ].filter(Boolean);
    for (const [title, value, more] of tiles) {
      if (!this.tiles.has(title)) {
        const tile = [element("strong"), element("span", { class: "quiet" })];
        this.tiles.set(title, tile);
        this.tileList.append(element("li", { class: "card" }, element("span", {}, title), ...tile));
      }
      const [strong, quiet] = this.tiles.get(title);
      setText(strong, value);
      setText(quiet, more);
    }
  }

  showWarnings({ counts, unready, memory }) {
    const warnings = [
      unready && `New clients are not let in: ${unready}.`,
      counts.failures > 0 && `${plural(counts.failures, "request")} failed through a bug of the server: see its log.`,
      counts.failed_deletions > 0 && `${plural(counts.failed_deletions, "file")} could not be deleted: see the log.`,
      counts.lost_records > 0 && `${plural(counts.lost_records, "audit record")} could not be written: is the disk full?`,
      memory?.resident > memory?.limit && "The process uses more memory than its limits add up to.",
    ].filter(Boolean);
    while (this.warnings.childElementCount > warnings.length) this.warnings.lastChild.remove();
    while (this.warnings.childElementCount < warnings.length) this.warnings.append(element("li"));
    warnings.forEach((text, index) => setText(this.warnings.children[index], text));
    setClass(this.warnings, warnings.length ? "warnings notice problem" : "warnings");
  }
}
