// Tables whose rows stay the same elements while their texts change, so that the focus stays.

import { element, setClass, setHidden, setText } from "./dom.js";
import { count } from "./format.js";

const classOf = (column) => ["wide", "middle", "short", "loose", "right"].filter((each) => column[each]).join(" ") || null;

// A column: `title`, and `show(row)`, which returns a text, or `fill(cell, row)` for anything else.
// It may be `wide`, `middle`, `short` or `loose`, where its texts are broken anywhere but if `short`,
// or have its texts `right`.
export class Table {
  constructor(caption, columns, { key, actions = [], empty = "There are none.", expand } = {}) {
    this.columns = columns;
    this.key = key;
    this.actions = actions;
    this.expand = expand;
    this.rows = new Map();
    this.body = element("tbody");
    this.empty = element("p", { class: "quiet empty" }, empty);
    const titles = columns.map((column) =>
      element("th", { scope: "col", class: classOf(column) }, column.title),
    );
    if (actions.length || expand) {
      titles.push(element("th", { scope: "col" }, element("span", { class: "unseen" }, "Actions")));
    }
    this.table = element(
      "table",
      {},
      element("caption", { class: "unseen" }, caption),
      element("thead", {}, element("tr", {}, ...titles)),
      this.body,
    );
    this.node = element("div", { class: "table" }, this.table, this.empty);
  }

  update(rows) {
    const before = this.rows;
    this.rows = new Map();
    let place = this.body.firstChild;
    for (const row of rows) {
      const key = String(this.key(row));
      if (this.rows.has(key)) continue;
      const kept = before.get(key) ?? this.make(key);
      before.delete(key);
      this.rows.set(key, kept);
      this.fill(kept, row);
      for (const part of [kept.line, kept.details].filter(Boolean)) {
        if (part === place) place = place.nextSibling;
        else this.body.insertBefore(part, place);
      }
    }
    for (const { line, details } of before.values()) {
      line.remove();
      details?.remove();
    }
    setHidden(this.table, this.rows.size === 0);
    setHidden(this.empty, this.rows.size > 0);
  }

  make(key) {
    const cells = this.columns.map((column) =>
      element(column.head ? "th" : "td", {
        scope: column.head ? "row" : null,
        "data-title": column.title,
        class: classOf(column),
      }),
    );
    const kept = { cells, row: null };
    const buttons = this.actions.map((action) => {
      const button = element("button", { type: "button", onclick: () => action.run(kept.row) }, action.title);
      return { button, action };
    });
    kept.buttons = buttons;
    kept.line = element("tr", {}, ...cells);
    if (this.expand) {
      // Beside the details there is room for buttons.
      const id = `details-${Math.random().toString(36).slice(2)}`;
      kept.list = element("dl");
      const span = this.columns.length + 1;
      const inside = element("p", { class: "buttons" }, ...buttons.map(({ button }) => button));
      const inner = element("div", { class: "inner" }, kept.list, inside);
      kept.details = element("tr", { id, class: "details", hidden: true }, element("td", { colspan: span }, inner));
      kept.toggle = element("button", { type: "button", "aria-expanded": "false", "aria-controls": id }, "Details");
      kept.toggle.addEventListener("click", () => {
        kept.details.hidden = !kept.details.hidden;
        kept.toggle.setAttribute("aria-expanded", String(!kept.details.hidden));
        this.fillDetails(kept);
      });
    }
    const shown = this.expand ? [kept.toggle] : buttons.map(({ button }) => button);
    if (shown.length) kept.line.append(element("td", { class: "actions" }, ...shown));
    return kept;
  }

  fill(kept, row) {
    kept.row = row;
    this.columns.forEach(({ show, fill, look }, index) => {
      const cell = kept.cells[index];
      if (fill) fill(cell, row);
      else setText(cell, show(row));
      if (look) setClass(cell, look(row));
    });
    for (const { button, action } of kept.buttons) {
      setHidden(button, !(action.when?.(row) ?? true));
      button.setAttribute("aria-label", `${action.title}: ${action.name(row)}`);
    }
    if (kept.toggle) kept.toggle.setAttribute("aria-label", `Details: ${kept.cells[0].textContent}`);
    if (kept.details && !kept.details.hidden) this.fillDetails(kept);
  }

  fillDetails({ list, row }) {
    const items = this.expand(row);
    while (list.childElementCount > items.length) list.lastChild.remove();
    while (list.childElementCount < items.length) {
      list.append(element("div", {}, element("dt"), element("dd")));
    }
    items.forEach(([name, text], index) => {
      const [title, value] = list.children[index].children;
      setText(title, name);
      setText(value, text);
    });
  }
}

// A field to search in, and buttons for the pages of a long table.
export class Pager {
  constructor(label, rows, onChange) {
    this.rows = rows;
    this.offset = 0;
    this.field = element("input", { type: "search", placeholder: label, "aria-label": label, maxlength: 200 });
    this.field.addEventListener("input", () => {
      this.offset = 0;
      clearTimeout(this.timer);
      this.timer = setTimeout(onChange, 250);
    });
    this.said = element("span", { class: "quiet", role: "status" });
    this.before = element("button", { type: "button", "aria-label": "Previous page" }, "‹ Previous");
    this.after = element("button", { type: "button", "aria-label": "Next page" }, "Next ›");
    this.before.addEventListener("click", () => this.turn(this.before, -rows, onChange));
    this.after.addEventListener("click", () => this.turn(this.after, rows, onChange));
    this.node = element("div", { class: "pager" }, this.field, this.said, this.before, this.after);
  }

  turn(button, by, onChange) {
    if (button.getAttribute("aria-disabled") === "true") return;
    this.offset = Math.max(0, this.offset + by);
    onChange();
  }

  get query() {
    return { text: this.field.value.trim(), offset: this.offset, rows: this.rows };
  }

  update({ matched, offset, rows, complete }) {
    // Rows may have ended since the page was turned.
    if (!rows.length && offset) this.offset = 0;
    const more = complete ? "" : " or more";
    const some = `${count(offset + 1)} to ${count(offset + rows.length)} of ${count(matched)}${more}`;
    setText(this.said, rows.length ? some : "Nothing is found.");
    const atEnd = offset + rows.length >= matched;
    // Buttons that are disabled otherwise would lose the focus.
    this.before.setAttribute("aria-disabled", String(offset === 0));
    this.after.setAttribute("aria-disabled", String(atEnd));
    for (const button of [this.before, this.after]) setHidden(button, offset === 0 && atEnd);
  }
}
