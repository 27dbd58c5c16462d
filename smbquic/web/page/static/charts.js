// Line charts of samples over time, as SVG.

import { element, setText, svg } from "./dom.js";
import { clock, known } from "./format.js";

const HEIGHT = 150;
const LEFT = 64;
const BOTTOM = 20;
const TOP = 8;

// The next round number, so that the scale does not change with every sample.
function ceiling(value, base) {
  if (!(value > 0)) return 1;
  const power = base ** Math.floor(Math.log(value) / Math.log(base));
  const steps = base === 10 ? [1, 2, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return power * steps.find((each) => each * power >= value);
}

export class Chart {
  // `lines` are [name in the series, label]; `format` makes texts of values.
  constructor(title, lines, format, base = 10) {
    this.title = title;
    this.lines = lines;
    this.format = format;
    this.base = base;
    this.picture = svg("svg", { role: "img", class: "chart", focusable: "false" });
    this.values = lines.map(() => element("strong"));
    const legend = lines.map(([, label], index) =>
      element("li", { class: `line${index}` }, `${label} `, this.values[index]),
    );
    this.node = element(
      "figure",
      { class: "card" },
      element("figcaption", {}, element("h3", {}, title), element("ul", { class: "legend" }, ...legend)),
      this.picture,
    );
    this.pointer = null;
    this.picture.addEventListener("pointermove", (event) => this.point(event.offsetX));
    this.picture.addEventListener("pointerleave", () => this.point(null));
    // The width of the window is another one now.
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  point(x) {
    this.pointer = x;
    this.draw();
  }

  update(samples, columns, span) {
    this.samples = samples;
    this.columns = this.lines.map(([name]) => columns.indexOf(name));
    this.span = span;
    this.draw();
  }

  draw() {
    const width = this.picture.clientWidth;
    if (!this.samples || width < 50) return;
    const { times, values } = this.samples;
    const end = times.length ? times[times.length - 1] : Date.now() / 1000;
    // What is not there yet takes no room, but for the first minute.
    const span = Math.min(this.span, Math.max(60, end - (times[0] ?? end)));
    const start = end - span;
    const top = ceiling(
      Math.max(0, ...values.flatMap((each) => this.columns.map((column) => each[column] ?? 0))),
      this.base,
    );
    const x = (time) => LEFT + ((time - start) / span) * (width - LEFT - 4);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const parts = [...this.grid(width, top, y), ...this.times(start, end, x)];
    this.columns.forEach((column, index) => {
      const d = path(times, values, column, x, y);
      if (index === 0 && d) parts.push(svg("path", { d: area(d, y(0)), class: `area${index}` }));
      parts.push(svg("path", { d, class: `line${index}` }));
    });
    const shown = this.nearest(times, x);
    if (this.pointer !== null && shown !== null) {
      const at = x(times[shown]);
      parts.push(svg("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "pointer" }));
      parts.push(text(clock(times[shown]), Math.min(at + 4, width - 60), TOP + 10, "start"));
    }
    this.picture.replaceChildren(...parts);
    this.say(values, shown);
  }

  nearest(times, x) {
    if (!times.length) return null;
    if (this.pointer === null) return times.length - 1;
    let best = 0;
    times.forEach((time, index) => {
      if (Math.abs(x(time) - this.pointer) < Math.abs(x(times[best]) - this.pointer)) best = index;
    });
    return best;
  }

  grid(width, top, y) {
    return [0, 0.5, 1].flatMap((part) => [
      svg("line", { x1: LEFT, x2: width - 4, y1: y(part * top), y2: y(part * top), class: "grid" }),
      text(this.format(part * top), LEFT - 6, y(part * top) + 4, "end"),
    ]);
  }

  times(start, end, x) {
    return [
      text(clock(start), LEFT, HEIGHT - 4, "start"),
      text(clock(end), x(end), HEIGHT - 4, "end"),
    ];
  }

  say(values, shown) {
    const texts = this.columns.map((column, index) => {
      const value = shown === null ? null : values[shown][column];
      setText(this.values[index], this.format(value));
      return `${this.lines[index][1]} ${this.format(value)}`;
    });
    this.picture.setAttribute("aria-label", `${this.title}: ${texts.join(", ")}`);
  }
}

function text(content, x, y, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, content);
}

// A line with gaps where nothing is known.
function path(times, values, column, x, y) {
  let d = "";
  let pen = "M";
  values.forEach((each, index) => {
    const value = each[column];
    if (!known(value)) {
      pen = "M";
      return;
    }
    d += `${pen}${x(times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return d;
}

function area(d, bottom) {
  return d
    .split("M")
    .filter(Boolean)
    .map((piece) => {
      const points = piece.split("L");
      const first = points[0].split(" ")[0];
      const last = points[points.length - 1].split(" ")[0];
      return `M${piece}L${last} ${bottom}L${first} ${bottom}Z`;
    })
    .join("");
}
