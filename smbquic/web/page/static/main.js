// The page as a whole: its sections, what it asks the server for, and when.

import { act, get, hasToken, Refused, setToken, takeToken } from "./api.js";
import { $, element, setClass, setHidden, setText } from "./dom.js";
import { clock, duration } from "./format.js";
import { Overview } from "./overview.js";
import { Access, Audit, Connections, Files, Limits, Pools, Sessions, Shares, tools } from "./sections.js";

const INTERVAL = 2000;

const overview = new Overview();
let sections = [];
let shown = null;
let actions = [];
let paused = false;
let timer = null;
let loading = null;

function makeSections(kind) {
  const made =
    kind === "server"
      ? [overview, new Connections(), new Sessions(), new Files(), new Shares(), new Access(), new Audit(), new Limits()]
      : [overview, new Connections(), new Pools(), new Access(), new Audit(), new Limits()];
  $("sections").replaceChildren(
    ...made.map((each) => {
      each.link = element("a", { href: `#${each.id}` }, each.title);
      return element("li", {}, each.link);
    }),
  );
  return made;
}

function showSection() {
  const wanted = location.hash.slice(1);
  const found = sections.find(({ id }) => id === wanted) ?? sections[0];
  if (!found || found === shown) return;
  shown?.link.removeAttribute("aria-current");
  shown = found;
  shown.link.setAttribute("aria-current", "page");
  $("section").replaceChildren(shown.node);
  // On a narrow screen the links scroll.
  shown.link.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.title = `${shown.title} · ${$("name").textContent}`;
}

function showHead(found) {
  setText($("name"), found.name ?? "smbquic");
  const worked = duration(found.now - found.started);
  setText($("about"), `smbquic ${found.version}, ${found.kind}, process ${found.pid}, up for ${worked}`);
  setText($("state"), found.unready || "serving");
  setClass($("state"), `state ${found.unready ? "warn" : "good"}`);
  setText($("updated"), `at ${clock(found.now)}`);
  actions = found.actions;
  for (const name of ["reload", "drain"]) setHidden($(name), !actions.includes(name));
}

async function load() {
  clearTimeout(timer);
  loading?.abort();
  const mine = (loading = new AbortController());
  try {
    const found = await get("overview", overview.parameters, mine.signal);
    if (!sections.length) {
      sections = makeSections(found.kind);
    }
    showHead(found);
    overview.update(found);
    showSection();
    await shown.load?.((name, parameters) => get(name, parameters, mine.signal));
    setHidden($("problem"), true);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof Refused) {
      askForToken();
      return;
    }
    setText($("problem"), error.message);
    setHidden($("problem"), false);
    setText($("state"), "not reached");
    setClass($("state"), "state bad");
  }
  if (!paused && !document.hidden && loading === mine) timer = setTimeout(load, INTERVAL);
}

function askForToken() {
  // Not before somebody has tried one.
  setHidden($("login-problem"), !hasToken());
  setText($("state"), "");
  $("token").value = "";
  if (!$("login").open) $("login").showModal();
}

async function perform(name, what, seconds) {
  const result = $("result");
  try {
    setText(result, (await act(name, what, seconds)).result);
    setClass(result, "notice good");
  } catch (error) {
    if (error instanceof Refused) {
      askForToken();
      return;
    }
    setText(result, error.message);
    setClass(result, "notice problem");
  }
  setHidden(result, false);
  load();
}

function ask(name, what, { title, text, yes, timed = false }) {
  setText($("confirm-title"), title);
  setText($("confirm-text"), text);
  setText($("confirm-yes"), yes);
  setHidden($("confirm-time"), !timed);
  const dialog = $("confirm");
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    const chosen = $("confirm-seconds").value;
    perform(name, what, timed && chosen ? Number(chosen) : undefined);
  };
  dialog.showModal();
}

tools.refresh = load;
tools.ask = ask;
tools.can = (name) => actions.includes(name);

$("login-form").addEventListener("submit", () => {
  setToken($("token").value.trim());
  load();
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  if (paused) clearTimeout(timer);
  else load();
});
$("reload").addEventListener("click", () =>
  ask("reload", "", {
    title: "Read the files again?",
    text: "The configuration file and the certificates are read again. Clients stay connected, unless new rules refuse them.",
    yes: "Reload",
  }),
);
$("drain").addEventListener("click", () =>
  ask("drain", "", {
    title: "Drain and stop?",
    text: "New clients are refused, those that are here may finish, and then the program ends. It does not start again by itself unless something like systemd starts it.",
    yes: "Drain and stop",
  }),
);
addEventListener("hashchange", () => {
  takeToken();
  showSection();
  load();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) load();
});

takeToken();
load();
