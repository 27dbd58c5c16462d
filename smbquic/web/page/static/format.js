// Numbers and times as people read them.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const NUMBER = new Intl.NumberFormat("en");
const DASH = "–";

export const known = (value) => value !== null && value !== undefined;
export const count = (value) => (known(value) ? NUMBER.format(value) : DASH);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function bytes(value) {
  if (!known(value)) return DASH;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export const rate = (value) => (known(value) ? `${bytes(value)}/s` : DASH);

export function milliseconds(value) {
  if (!known(value)) return DASH;
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ms`;
}

export const percent = (value) => (known(value) ? `${Math.round(value * 100)} %` : DASH);

export function duration(seconds) {
  if (!known(seconds)) return DASH;
  if (seconds > 0 && seconds < 1) return milliseconds(seconds * 1000);
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}\u00a0s`;
  if (whole < 3600) return two(whole, 60, "min", 1, "s");
  if (whole < 86400) return two(whole, 3600, "h", 60, "min");
  return two(whole, 86400, "d", 3600, "h");
}

function two(whole, large, first, small, second) {
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)}\u00a0${first}${rest ? ` ${rest}\u00a0${second}` : ""}`;
}

export const days = (seconds) => Math.floor(seconds / 86400);

// Today's times without the day.
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  const time = TIME.format(date);
  return DAY.format(date) === DAY.format(new Date()) ? time : `${DAY.format(date)}, ${time}`;
}

export const day = (seconds) => DAY.format(new Date(seconds * 1000));
export const clock = (seconds) => TIME.format(new Date(seconds * 1000));
