// The other sections: one table or more each, asked for only while they are seen.

import { element, setClass, setHidden, setText } from "./dom.js";
import { bytes, count, day, days, duration, known, milliseconds, moment, percent, plural } from "./format.js";
import { Pager, Table } from "./table.js";

const ROWS = 50;
const yesNo = (value) => (value ? "yes" : "no");
const join = (values) => (values?.length ? values.join(", ") : "–");
const expiry = (seconds, now) => `${day(seconds)}, ${plural(days(seconds - now), "day")} left`;

class Section {
  constructor(title, ...parts) {
    this.title = title;
    this.node = element("div", {}, element("h2", {}, title), ...parts);
  }
}

// A section with one long table, which the server gives page by page.
class Paged extends Section {
  constructor(title, label, table, more = []) {
    const pager = new Pager(label, ROWS, () => tools.refresh());
    super(title, pager.node, ...more, table.node);
    this.pager = pager;
    this.table = table;
  }

  async load(get) {
    const found = await get(this.id, this.pager.query);
    this.now = found.now;
    this.found = found;
    this.table.update(found.rows);
    this.pager.update(found);
  }
}

// What the sections can do; main.js sets it.
export const tools = { refresh() {}, ask() {}, can: () => false };

export class Connections extends Paged {
  id = "connections";

  constructor() {
    const table = new Table(
      "Connections",
      [
        { title: "Client", head: true, show: (row) => row.name.split("://").pop() },
        { title: "Users", loose: true, show: (row) => join(row.users) },
        { title: "State", short: true, show: (row) => this.state(row) },
        { title: "Time line", middle: true, fill: (cell, row) => this.line(cell, row) },
        { title: "Over", short: true, show: (row) => [row.transport.toUpperCase(), row.engine].filter(Boolean).join(", ") },
        { title: "Round trip", right: true, show: (row) => milliseconds(row.round_trip_ms) },
        { title: "Lost", right: true, show: (row) => count(row.lost_packets) },
        { title: "Received, sent", right: true, show: (row) => `${bytes(row.received)}, ${bytes(row.sent)}` },
      ],
      {
        key: (row) => row.id,
        empty: "No client is connected.",
        expand: (row) => this.details(row),
        actions: [
          {
            title: "Close",
            name: (row) => row.name,
            when: (row) => !row.ended && tools.can("close-connection"),
            run: (row) =>
              tools.ask("close-connection", row.id, {
                title: "Close this connection?",
                text: `${row.name} is disconnected at once. The client may connect again.`,
                yes: "Close",
              }),
          },
          {
            title: "Lock out",
            name: (row) => row.name,
            when: (row) => tools.can("lock-out-address"),
            run: (row) => lockOut("address", addressOf(row)),
          },
        ],
      },
    );
    const said = element("p", { class: "quiet" });
    super("Connections", "Search by address, user, server name", table, [said]);
    this.said = said;
  }

  async load(get) {
    const found = await get(this.id, this.pager.query);
    this.now = found.now;
    this.start = Math.min(found.now - 60, ...found.rows.map((row) => row.since));
    this.table.update(found.rows);
    this.pager.update(found);
    const from = moment(this.start);
    setText(this.said, `${plural(found.open, "open connection")}, ${count(found.ended)} that have ended. The time line goes from ${from} to now.`);
  }

  state(row) {
    const from = row.ended ?? this.now;
    const time = duration(from - row.since);
    if (!row.ended) return `open, ${time}`;
    return `ended, ${time}${row.reason ? ` (${row.reason})` : ""}`;
  }

  line(cell, row) {
    if (!cell.firstChild) cell.append(element("div", { class: "timeline" }, element("span")));
    const bar = cell.firstChild.firstChild;
    const span = this.now - this.start;
    const end = row.ended ?? this.now;
    // By the object model: the policy of this page permits no style in markup.
    bar.style.marginInlineStart = `${((row.since - this.start) / span) * 100}%`;
    bar.style.inlineSize = `${Math.max(((end - row.since) / span) * 100, 0.7)}%`;
    setClass(bar, row.ended ? "ended" : row.transport);
  }

  details(row) {
    const certificate = row.certificate;
    return [
      ["Began", moment(row.since)],
      ["Number in log and audit", String(row.id)],
      ["Trace id", row.trace_id || "–"],
      ["Server name", row.server_name || "–"],
      ["Engine", row.engine ? `${row.engine}: ${row.engine_reason}` : "–"],
      ["Cipher", row.cipher || "–"],
      ["Key exchange", row.group || "–"],
      ["Handshake", `${milliseconds(row.handshake_ms)}${row.resumed ? ", resumed" : ""}`],
      ["Datagrams", known(row.datagram_size) ? `${row.datagram_size} bytes` : "–"],
      ["Waiting", bytes(row.waiting)],
      ["Certificate", certificate ? certificate.subject : "none"],
      ...(certificate
        ? [
            ["Issued by", certificate.issuer],
            ["Expires", expiry(certificate.not_after, this.now)],
            ["SHA-256", certificate.sha256],
          ]
        : []),
    ];
  }
}

export class Sessions extends Paged {
  id = "sessions";

  constructor() {
    const table = new Table(
      "Sessions",
      [
        { title: "User", head: true, middle: true, show: (row) => row.user || "nobody" },
        { title: "From", show: (row) => join(row.addresses) },
        { title: "Over", show: (row) => row.transports.map((each) => each.toUpperCase()).join(", ") },
        { title: "Shares", wide: true, show: (row) => join(row.shares) },
        { title: "Connections", right: true, show: (row) => count(row.connections) },
        { title: "Open files", right: true, show: (row) => count(row.opens) },
      ],
      {
        key: (row) => row.id,
        empty: "Nobody is logged on.",
        expand: (row) => [
          ["Dialect", row.dialect.replace("SMB_", "").replaceAll("_", ".")],
          ["Protected by", this.protection(row)],
          ["Pipes", count(row.pipes)],
          ["Logon", row.expired ? "has expired" : row.guest ? "as a guest" : "valid"],
        ],
        actions: [
          {
            title: "Close",
            name: (row) => row.user,
            when: () => tools.can("close-session"),
            run: (row) =>
              tools.ask("close-session", row.id, {
                title: "Close this session?",
                text: `${row.user} is logged off, and ${plural(row.opens, "open file")} closed. What the client has not written yet is lost.`,
                yes: "Close",
              }),
          },
          {
            title: "Lock out",
            name: (row) => row.user,
            when: (row) => !row.guest && tools.can("lock-out-user"),
            run: (row) => lockOut("user", row.user.split("\\").pop()),
          },
        ],
      },
    );
    super("Sessions", "Search by user, address, share", table);
  }

  protection({ encrypted, signed, transports }) {
    const parts = [
      transports.every((each) => each === "quic") && "QUIC",
      encrypted ? "SMB encryption" : signed && "signing",
    ];
    return parts.filter(Boolean).join(" and ") || "nothing";
  }
}

export class Files extends Paged {
  id = "opens";

  constructor() {
    const table = new Table(
      "Open files",
      [
        { title: "File", head: true, wide: true, show: (row) => `${row.share}\\${row.path}` },
        { title: "User", loose: true, show: (row) => row.user },
        { title: "May", show: (row) => join(row.access) },
        { title: "Others may", show: (row) => join(row.shared) },
        { title: "Caches", show: (row) => this.caching(row) },
        { title: "Locks", right: true, show: (row) => count(row.locks) },
        { title: "State", show: (row) => this.state(row) },
      ],
      {
        key: (row) => row.id,
        empty: "No file is open.",
        actions: [
          {
            title: "Close",
            name: (row) => `${row.share}\\${row.path}`,
            when: () => tools.can("close-file"),
            run: (row) =>
              tools.ask("close-file", row.id, {
                title: "Close this file?",
                text: `${row.share}\\${row.path} is closed for ${row.user}. What the client has not written yet is lost.`,
                yes: "Close",
              }),
          },
        ],
      },
    );
    super("Open files", "Search by path, share, user", table);
  }

  caching(row) {
    if (!row.grant) return "nothing";
    return `${row.caching || "none"} (${row.grant}${row.breaking ? ", is being broken" : ""})`;
  }

  state(row) {
    const words = [
      row.folder ? "folder" : "file",
      row.disconnected ? "waits for its client" : row.durable && "durable",
      row.deleting && "is to be deleted",
    ];
    return words.filter(Boolean).join(", ");
  }
}

export class Shares extends Section {
  id = "shares";

  constructor() {
    const table = new Table(
      "Shares",
      [
        { title: "Share", head: true, show: (row) => row.name },
        { title: "Access", show: (row) => (row.read_only ? "read only" : "read and write") },
        { title: "Encryption", show: (row) => (row.encrypt ? "demanded" : "as negotiated") },
        { title: "Clients", right: true, show: (row) => count(row.clients) },
        { title: "Free", right: true, show: (row) => bytes(row.available) },
        { title: "Disk", wide: true, fill: (cell, row) => meter(cell, row.total ? row.total - row.available : null, row.total, bytes) },
        { title: "State", show: (row) => (row.missing ? "its folder is gone" : row.slow ? "slow disk" : "served") },
      ],
      { key: (row) => row.name },
    );
    super("Shares", table.node);
    this.table = table;
  }

  async load(get) {
    this.table.update((await get(this.id)).shares);
  }
}

export class Pools extends Section {
  id = "shares";

  constructor() {
    const table = new Table(
      "Back ends",
      [
        { title: "Back end", head: true, show: (row) => row.url },
        { title: "Pool", show: (row) => row.pool },
        { title: "For the names", show: (row) => row.names.join(", ") || "all others" },
        { title: "State", show: (row) => row.state, look: (row) => (row.state === "up" ? "good" : "bad") },
        { title: "Weight", right: true, show: (row) => count(row.weight) },
        { title: "Clients", right: true, show: (row) => count(row.connections) },
        { title: "Clients so far", right: true, show: (row) => count(row.total) },
        { title: "Last failure", wide: true, show: (row) => row.reason ?? "none" },
      ],
      { key: (row) => `${row.pool} ${row.url}` },
    );
    super("Back ends", table.node);
    this.table = table;
  }

  async load(get) {
    const { pools } = await get(this.id);
    this.table.update(pools.flatMap(({ name, names, backends }) => backends.map((each) => ({ ...each, pool: name, names }))));
  }
}

export class Access extends Section {
  id = "access";

  constructor() {
    const pager = new Pager("Address, user, or fingerprint of a certificate", 10, () => tools.refresh());
    const refusals = new Table(
      "Refusals",
      [
        { title: "When", head: true, show: (row) => moment(Date.parse(row.record.time) / 1000) },
        { title: "Client", middle: true, show: (row) => row.record.address ?? "" },
        { title: "User", loose: true, show: (row) => row.record.user ?? "" },
        { title: "What", show: (row) => row.record.event },
        { title: "Why, and what to do", wide: true, show: (row) => row.explanation ?? "" },
      ],
      { key: (row) => row.number, empty: "Nobody was refused, as far as the recent records go." },
    );
    const list = element("div", { class: "cards" });
    super(
      "Access",
      element(
        "section",
        {},
        element("h3", {}, "Why was this client refused?"),
        pager.node,
        refusals.node,
      ),
      element("section", {}, element("h3", {}, "Certificates and rules"), list),
    );
    this.pager = pager;
    this.refusals = refusals;
    this.list = list;
    this.cards = new Map();
  }

  async load(get) {
    const [refused, found] = await Promise.all([
      get("audit", { ...this.pager.query, refused: 1 }),
      get(this.id),
    ]);
    this.refusals.update(refused.rows);
    this.pager.update(refused);
    const before = this.cards;
    this.cards = new Map();
    for (const each of found.certificates) {
      const card = before.get(each.file) ?? this.card(each.file);
      before.delete(each.file);
      this.cards.set(each.file, card);
      this.fill(card, each, found.now);
    }
    for (const { node } of before.values()) node.remove();
  }

  card(file) {
    const card = {
      name: element("h4"),
      badge: element("span"),
      list: element("dl"),
      rules: element("ul", { class: "rules" }),
    };
    card.node = element("article", { class: "card" }, element("div", { class: "head" }, card.name, card.badge), card.list, card.rules);
    this.list.append(card.node);
    return card;
  }

  fill(card, each, now) {
    const left = days(each.not_after - now);
    setText(card.name, each.names.join(", ") || each.subject);
    setText(card.badge, left < 0 ? "expired" : `${plural(left, "day")} left`);
    setClass(card.badge, `badge ${left < 7 ? "bad" : left < 30 ? "warn" : "good"}`);
    pairs(card.list, [
      ["File", each.file],
      ["Subject", each.subject],
      ["Issued by", each.issuer],
      ["Valid", `${day(each.not_before)} to ${day(each.not_after)}`],
      ["Key", each.key],
      ["SHA-256", each.sha256],
      ["For other names", yesNo(each.default)],
      ["Client certificates", each.demands_certificate ? `demanded, from ${each.client_ca}` : "not asked for"],
      ...(each.issues.length ? [["Beware", each.issues.join("; ")]] : []),
    ]);
    const rules = each.demands_certificate
      ? [
          ...(each.rules ?? ["every client with a valid certificate may connect"]),
          ...(each.logons ?? []).map((rule) => `may log on: ${rule}`),
        ]
      : [];
    while (card.rules.childElementCount > rules.length) card.rules.lastChild.remove();
    while (card.rules.childElementCount < rules.length) card.rules.append(element("li"));
    rules.forEach((rule, index) => setText(card.rules.children[index], rule));
  }
}

export class Audit extends Paged {
  id = "audit";

  constructor() {
    const table = new Table(
      "Recent audit records",
      [
        { title: "When", head: true, show: (row) => moment(Date.parse(row.record.time) / 1000) },
        { title: "Event", show: (row) => row.record.event },
        { title: "Connection", right: true, show: (row) => String(row.record.connection ?? "–") },
        { title: "Client", middle: true, show: (row) => row.record.address ?? "–" },
        { title: "User", loose: true, show: (row) => row.record.user ?? "–" },
        { title: "What", wide: true, show: (row) => row.explanation ?? subject(row.record) },
      ],
      {
        key: (row) => row.number,
        empty: "There are no records.",
        expand: ({ record }) =>
          Object.entries(record).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
      },
    );
    const refused = element("input", { type: "checkbox", id: "only-refused" });
    const choice = element("p", {}, refused, " ", element("label", { for: "only-refused" }, "Only who was refused"));
    super("Audit records", "Search in all fields", table, [choice]);
    refused.addEventListener("change", () => tools.refresh());
    this.refused = refused;
  }

  async load(get) {
    const found = await get(this.id, { ...this.pager.query, refused: this.refused.checked ? 1 : 0 });
    this.table.update(found.rows);
    this.pager.update(found);
  }
}

export class Limits extends Section {
  id = "limits";

  constructor() {
    const limits = new Table(
      "Limits",
      [
        { title: "Limit", head: true, show: (row) => row.name },
        { title: "Value", right: true, show: (row) => measure(row.value, row.unit) },
        { title: "Used", fill: (cell, row) => meter(cell, row.used, row.value, (value) => measure(value, row.unit)) },
        { title: "What it bounds", wide: true, show: (row) => row.text },
      ],
      { key: (row) => row.name },
    );
    const refused = new Table(
      "Who was turned away",
      [
        { title: "Reason", head: true, show: (row) => row.reason },
        { title: "Clients", right: true, show: (row) => count(row.count) },
        { title: "What happened", wide: true, show: (row) => (row.text ? `The client ${row.text}.` : "") },
      ],
      { key: (row) => row.reason, empty: "Nobody was turned away." },
    );
    const locked = new Table(
      "Locked out",
      [
        { title: "Who", head: true, middle: true, show: (row) => (Array.isArray(row.name) ? row.name.join(", ") : row.name) },
        { title: "Why", show: (row) => (row.kind === "failures" ? "too many failed logons" : `an administrator has locked the ${row.kind} out`) },
        { title: "Still for", right: true, show: (row) => (known(row.seconds) ? duration(row.seconds) : "until let in again") },
      ],
      {
        key: (row) => JSON.stringify([row.kind, row.name]),
        empty: "Nobody is locked out.",
        actions: [
          {
            title: "Let in again",
            name: (row) => String(row.name),
            when: (row) => tools.can(LET_IN[row.kind]),
            run: (row) =>
              tools.ask(LET_IN[row.kind], row.name, {
                title: "Let in again?",
                text: `${row.name} may try to log on at once.`,
                yes: "Let in",
              }),
          },
        ],
      },
    );
    const kind = element("select", { id: "lock-kind" }, element("option", { value: "user" }, "User"), element("option", { value: "address" }, "Address"));
    const name = element("input", { id: "lock-name", type: "text", required: true, maxlength: 200, autocomplete: "off" });
    const form = element(
      "form",
      { class: "inline" },
      element("label", { for: "lock-kind" }, "Lock out a"),
      kind,
      element("label", { for: "lock-name", class: "unseen" }, "Name of the user, or address"),
      name,
      element("button", {}, "Lock out…"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      lockOut(kind.value, name.value.trim());
      name.value = "";
    });
    super(
      "Limits",
      element("section", {}, element("h3", {}, "Locked out"), form, locked.node),
      element("section", {}, element("h3", {}, "Who was turned away"), refused.node),
      element("section", {}, element("h3", {}, "Limits"), limits.node),
    );
    Object.assign(this, { limits, refused, locked, kind, form });
  }

  async load(get) {
    const found = await get(this.id);
    this.limits.update(found.limits);
    this.refused.update(found.refused);
    this.locked.update(found.locked);
    // A gateway does not check passwords.
    const users = tools.can("lock-out-user");
    if (!users) this.kind.value = "address";
    setHidden(this.kind.options[0], !users);
  }
}

const LET_IN = { user: "let-in-user", address: "let-in-address", failures: "forget-failures" };

function lockOut(kind, name) {
  const ends = kind === "user" ? "All sessions of the user" : "All connections from there";
  tools.ask(`lock-out-${kind}`, name, {
    title: `Lock out the ${kind} ${name}?`,
    text: `${ends} are closed, and new ones refused.`,
    yes: "Lock out",
    timed: true,
  });
}

const addressOf = (row) => row.name.replace(/^\w+:\/\//, "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

function subject(record) {
  const parts = ["share", "path", "new_path", "backend", "pool", "rule", "action", "what", "result", "message", "cipher"];
  return parts.map((name) => record[name]).filter((value) => known(value) && value !== "").join(" · ") || "–";
}

function measure(value, unit) {
  if (!known(value)) return "none";
  if (unit === "bytes") return bytes(value);
  if (unit === "seconds") return duration(value);
  if (unit.startsWith("bytes")) return `${bytes(value)}/s`;
  return count(value);
}

// A bar with how much is used. The text says it, too.
function meter(cell, used, total, format) {
  if (!cell.firstChild) cell.append(element("div", { class: "meter" }, element("span")), element("span"));
  const [bar, said] = cell.children;
  const there = known(used) && total > 0;
  setHidden(bar, !there);
  setText(said, there ? `${format(used)} of ${format(total)}, ${percent(used / total)}` : "–");
  if (!there) return;
  bar.firstChild.style.inlineSize = `${Math.min(used / total, 1) * 100}%`;
  setClass(bar.firstChild, used / total > 0.9 ? "bad" : used / total > 0.75 ? "warn" : "good");
}

function pairs(list, items) {
  while (list.childElementCount > items.length) list.lastChild.remove();
  while (list.childElementCount < items.length) list.append(element("div", {}, element("dt"), element("dd")));
  items.forEach(([name, text], index) => {
    setText(list.children[index].firstChild, name);
    setText(list.children[index].lastChild, text);
  });
}
