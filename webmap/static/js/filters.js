// The filters: presets that end with the newest day, a step to the span before or after, own days, and the lists.
import { byId } from "./dom.js";
import { addDays, daysBetween } from "./view.js";

export class Filters {
  constructor(view, page, texts) {
    Object.assign(this, { view, page, texts });
    this.form = byId("filters");
    this.presets = [...document.querySelectorAll("input[name=days]")];
    this.selects = [...this.form.querySelectorAll("select")];
    this.own = false;
    this.listen();
    this.show();
  }

  listen() {
    this.form.addEventListener("submit", (event) => event.preventDefault());
    for (const select of this.selects) {
      select.addEventListener("change", () => {
        this.view.set({ [select.name]: select.value });
        this.show();
      });
    }
    for (const preset of this.presets) preset.addEventListener("change", () => this.choose(preset.value));
    byId("earlier").addEventListener("click", () => this.shift(-1));
    byId("later").addEventListener("click", () => this.shift(1));
    for (const id of ["from", "last"]) byId(id).addEventListener("change", () => this.readOwn());
  }

  get days() {
    return daysBetween(this.view.get("from"), this.view.get("to"));
  }

  choose(value) {
    this.own = value === "own";
    if (!this.own && this.page.lastDay) {
      const to = addDays(this.page.lastDay, 1);
      this.view.set({ from: addDays(to, -Number(value)), to });
    }
    this.show();
    if (this.own) byId("from").focus();
  }

  shift(direction) {
    const { days } = this;
    this.view.set({ from: addDays(this.view.get("from"), direction * days), to: addDays(this.view.get("to"), direction * days) });
    this.show();
  }

  readOwn() {
    const [from, last] = [byId("from").value, byId("last").value];
    byId("last").min = from;
    if (from && last && from <= last) this.view.set({ from, to: addDays(last, 1) });
  }

  /** Let every control say what the view says. */
  show() {
    for (const select of this.selects) {
      select.value = this.view.get(select.name);
      select.classList.toggle("set", Boolean(select.value));
    }
    const [from, to] = [this.view.get("from"), this.view.get("to")];
    byId("earlier").disabled = byId("later").disabled = !from;
    if (!from) return;
    const last = addDays(to, -1);
    const newest = last === this.page.lastDay;
    const known = newest && this.presets.some((preset) => preset.value === String(this.days));
    for (const preset of this.presets) preset.checked = preset.value === (known && !this.own ? String(this.days) : "own");
    byId("own-days").hidden = !this.own;
    byId("period-words").hidden = this.own;
    byId("from").value = from;
    byId("last").value = last;
    byId("later").disabled = Boolean(this.page.lastDay) && last >= this.page.lastDay;
    byId("period-words").textContent = this.texts.span(from, last);
  }
}
