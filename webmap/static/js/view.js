// What is looked at: filters, level, layer, centre, zoom, selection. The address always says it, so that it can be sent.

const FILTERS = ["from", "to", "category", "unit", "source", "state"];
const ORDER = [...FILTERS, "level", "show", "lat", "lon", "z", "sel"];

export class View {
  constructor(values, language) {
    this.values = { ...values };
    this.language = language;
    this.listeners = [];
  }

  get(name) {
    return this.values[name] ?? "";
  }

  filters() {
    return Object.fromEntries(FILTERS.map((name) => [name, this.get(name)]));
  }

  /** Set some values; whoever listens is told the names of those that changed. */
  set(values) {
    const changed = Object.keys(values).filter((name) => String(this.get(name)) !== String(values[name] ?? ""));
    if (!changed.length) return;
    Object.assign(this.values, values);
    history.replaceState(null, "", this.address());
    for (const listener of this.listeners) listener(new Set(changed));
  }

  address(language = this.language) {
    const given = ORDER.map((name) => [name, this.get(name)]).filter(([, value]) => value !== "");
    return `${location.pathname}?${new URLSearchParams([...given, ["lang", language]])}`;
  }
}

const DAY = 86400000;
const stamp = (iso) => Date.parse(`${iso}T00:00:00Z`);
const iso = (time) => new Date(time).toISOString().slice(0, 10);

export const addDays = (day, n) => iso(stamp(day) + n * DAY);
export const daysBetween = (from, to) => Math.round((stamp(to) - stamp(from)) / DAY);
