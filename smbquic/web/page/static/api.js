// Requests to the server. The token is kept for this tab only, and sent in a header.

const KEY = "smbquic-token";

export class Refused extends Error {}

export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  setToken(given);
  history.replaceState(null, "", location.pathname);
}

export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

async function send(path, options) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
  if (options.body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer.");
  }
  if (response.status === 401) throw new Refused();
  let found;
  try {
    found = await response.json();
  } catch {
    throw new Error(`The server answers with status ${response.status}.`);
  }
  if (!response.ok) throw new Error(found.error);
  return found;
}

export function get(name, parameters, signal) {
  const query = new URLSearchParams(parameters ?? {});
  return send(`api/${name}?${query}`, { signal });
}

export const act = (name, what, seconds) =>
  send(`api/actions/${name}`, { method: "POST", body: JSON.stringify({ what, seconds }) });
