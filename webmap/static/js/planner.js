// The morning map: one view, and everything on the page follows it.
import { Latest, ask } from "./ask.js";
import { Detail } from "./detail.js";
import { byId, settled } from "./dom.js";
import { Filters } from "./filters.js";
import { Lists } from "./lists.js";
import { Sheet } from "./sheet.js";
import { Texts } from "./texts.js";
import { View, daysBetween } from "./view.js";
import { boundsOf, readFeatures } from "./world.js";

const FILTER_NAMES = new Set(["from", "to", "category", "unit", "source", "state"]);
const PLACES = 60;

export function startPlanner(map, pieces, page) {
  return new Planner(map, pieces, page);
}

class Planner {
  constructor(map, pieces, page) {
    Object.assign(this, { map, page, ...pieces });
    this.texts = new Texts(page.texts, page.language);
    this.view = new View(page.view, page.language);
    this.countsAsked = new Latest();
    this.placesAsked = new Latest();
    this.busy = 0;
    this.placed = false;
    this.placesFound = [];
    this.filters = new Filters(this.view, page, this.texts);
    this.lists = new Lists(this.texts, {
      choosePlace: (place) => this.view.set({ sel: `place:${place.cells[0]}` }),
      chooseArea: (code) => this.view.set({ sel: `area:${code}` }),
      pointArea: (what) => this.areas.point(what && this.codeOnMap(what)),
    });
    this.detail = new Detail(map, page, this.texts, () => this.view.set({ sel: "" }));
    this.sheet = new Sheet();
    this.wire();
    this.setOut();
    this.view.listeners.push((changed) => this.follow(changed));
    this.follow(new Set(["from", "level", "show", "sel"]));
    this.refreshLanguageLink();
  }

  get narrow() {
    return window.matchMedia("(max-width: 760px)").matches;
  }

  get mode() {
    return this.grid ? this.view.get("show") : "rate";
  }

  wire() {
    this.symbols.follow(this.areas, this.base.labels);
    this.areas.changed = () => {
      this.symbols.repaint();
      if (this.counts?.level === this.areas.level) this.listAreas();
      this.markSelection(false);
    };
    for (const piece of [this.areas, this.base]) piece.failed = (fault) => this.failed(fault);
    for (const name of ["show", "level"]) {
      for (const input of document.querySelectorAll(`input[name=${name}]`)) {
        input.checked = input.value === (name === "show" ? this.mode : this.view.get("level"));
        input.addEventListener("change", () => this.view.set({ [name]: input.value }));
      }
    }
    byId("zoom-in").addEventListener("click", () => this.map.zoomIn());
    byId("zoom-out").addEventListener("click", () => this.map.zoomOut());
    byId("zoom-all").addEventListener("click", () => this.showAll(true));
    byId("copy").addEventListener("click", (event) => this.copyLink(event.currentTarget));
    this.map.on("click", (event) => this.clicked(event));
    this.map.on("mousemove", (event) => this.hovered(event));
    this.map.on("mouseout", () => this.hovered(null));
    this.map.on("moveend", settled(() => this.moved(), 60));
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.showLegend());
  }

  /** Where the map opens: as the address says, else all of the district. */
  setOut() {
    const [lat, lon, zoom] = ["lat", "lon", "z"].map((name) => this.view.get(name));
    if (lat !== "" && lon !== "") this.map.setView([lat, lon], zoom === "" ? 14 : zoom, { animate: false });
    else this.showAll(false);
  }

  /** All areas in view, clear of the sheet that covers the lower part of a phone's map. */
  showAll(animate) {
    const [west, south, east, north] = this.page.bounds;
    const below = this.narrow ? byId("panel").getBoundingClientRect().height : 10;
    const options = { paddingTopLeft: [10, this.narrow ? 90 : 10], paddingBottomRight: [10, below], animate };
    this.map.fitBounds([[south, west], [north, east]], options);
  }

  follow(changed) {
    const filtered = [...changed].some((name) => FILTER_NAMES.has(name));
    if (changed.has("level")) {
      if (!filtered && !changed.has("sel") && this.view.get("sel").startsWith("area:")) this.view.set({ sel: "" });
      this.areas.setLevel(this.view.get("level"));
    }
    if (filtered || changed.has("level")) this.loadCounts();
    if (filtered) this.loadPlaces();
    if (filtered || changed.has("show")) this.showMode();
    if (filtered || changed.has("sel")) this.select(changed.has("sel"));
    this.refreshLanguageLink();
  }

  refreshLanguageLink() {
    const link = byId("language");
    link.href = this.view.address(link.dataset.language);
  }

  async during(work) {
    document.body.classList.toggle("busy", ++this.busy > 0);
    try {
      return await work();
    } catch (fault) {
      this.failed(fault);
      return undefined;
    } finally {
      document.body.classList.toggle("busy", --this.busy > 0);
    }
  }

  failed(fault) {
    this.lists.failed(fault.message, () => location.reload());
    byId("map-sum").textContent = this.texts.say("failed", { detail: fault.message });
  }

  loadCounts() {
    this.lists.waiting();
    return this.during(async () => {
      const level = this.view.get("level");
      const counts = await this.countsAsked.ask(`${this.page.api}/counts`, { level, ...this.view.filters() });
      if (!counts || level !== this.view.get("level")) return;
      this.counts = counts;
      this.areas.setCounts(counts);
      this.symbols.repaint();
      this.listAreas();
      this.showSummary();
      this.showLegend();
      this.showSum();
      this.select(false);
    });
  }

  loadPlaces() {
    this.lists.waiting();
    return this.during(async () => {
      const found = await this.placesAsked.ask(`${this.page.api}/places`, { ...this.view.filters(), limit: PLACES });
      if (!found) return;
      this.placesFound = found.places;
      this.lists.setPlaces(found.places);
      this.select(false);
    });
  }

  loadDensity() {
    return this.during(async () => {
      const found = await this.grid.load(this.view.filters());
      if (!found) return;
      if (this.mode === "heat") this.heat.show(found.cells);
      this.showLegend();
      this.showSum();
    });
  }

  showMode() {
    const { mode } = this;
    this.areas.setFilled(mode === "rate");
    this.symbols.setShown(mode === "rate");
    this.grid?.setShown(mode === "grid");
    if (this.heat && mode !== "heat") this.heat.hide();
    if (mode !== "rate" && this.placed) this.loadDensity();
    this.showLegend();
    this.showSum();
  }

  moved() {
    this.placed = true; // from now on the view is known, and with it the squares to ask for
    const { lat, lng } = this.map.getCenter();
    this.view.set({ lat: lat.toFixed(5), lon: lng.toFixed(5), z: Number(this.map.getZoom().toFixed(1)) });
    if (this.mode !== "rate") this.loadDensity();
    this.showLegend();
  }

  listAreas() {
    this.lists.setAreas(this.counts.areas, (area) => this.nameOf(area));
  }

  nameOf(area) {
    const words = this.areas.byCode.get(area.code)?.properties;
    return (words && this.texts.pick(words.name, words.name_en)) || area.name || area.code;
  }

  showSummary() {
    const { total, before } = this.counts;
    byId("total").textContent = this.texts.number(total);
    byId("total-words").textContent = this.texts.say("cases", {}, total);
    const days = this.view.get("from") ? daysBetween(this.view.get("from"), this.view.get("to")) : 0;
    if (!days) return byId("compare").replaceChildren();
    const words = this.texts.say(days === 1 ? "againstDay" : "against", { n: this.texts.number(before), days });
    const change = document.createElement("span");
    change.className = total > before ? "up" : "down";
    change.textContent = before ? `${total > before ? "▲" : total < before ? "▼" : "="} ${this.texts.percent((total - before) / before)} ` : "";
    return byId("compare").replaceChildren(change, words);
  }

  /** Σ: what is on the map, what is not and why; for squares and heat, how many cases they show. */
  showSum() {
    if (!this.counts) return;
    const { texts, counts } = this;
    const { outside, gap, no_position: none } = counts.not_on_map;
    const number = (n) => texts.number(n);
    const selection = `${texts.say("selection", { total: number(counts.total) }, counts.total)}${texts.language === "zh" ? "：" : ": "}`;
    const density = this.mode === "rate" ? null : this.grid.density;
    const lines = [];
    if (density) {
      // Squares and heat show every case with a position, whatever area it lies in: only the view leaves some out.
      const n = density.cells.reduce((sum, cell) => sum + cell.n, 0);
      const beyond = Math.max(0, counts.total - none - n);
      lines.push(selection + texts.say("gridPlaced", { on: number(n), off: number(beyond + none), beyond: number(beyond), none: number(none) }));
      lines.push(texts.say("heatSum", { n: number(n), cells: number(density.cells.length), size: density.size_m }));
      if (density.truncated) lines.push(texts.say("truncated"));
    } else {
      lines.push(selection + texts.say("placed", {
        on: number(counts.on_map), off: number(outside + gap + none), outside: number(outside), gap: number(gap), none: number(none),
      }));
    }
    if (counts.withheld) lines.push(texts.say("withheld", { n: number(counts.withheld) }));
    byId("map-sum").replaceChildren(...lines.map((line) => Object.assign(document.createElement("span"), { className: "sum-line", textContent: line })));
  }

  showLegend() {
    const { texts, mode } = this;
    if (mode === "rate") {
      if (!this.counts) return this.legend.clear();
      return this.legend.classes(texts.say("ratePerKm2", { days: this.days() }), this.counts.breaks, texts, {
        circlesTitle: texts.say("circles"),
        swatches: this.swatches(),
        least: texts.say(this.counts.withheld ? "notShown" : "noCases"),
      });
    }
    if (!this.grid.density) return this.legend.clear();
    if (mode === "heat") return this.legend.ramp(texts.say("heatTitle"), texts.say("heatFew"), texts.say("heatMany"));
    const size = texts.number(this.grid.density.size_m);
    return this.legend.classes(texts.say("casesPerSquare", { size }), this.grid.density.breaks, texts, { whole: true });
  }

  /** The length of the period in words. */
  days() {
    const n = this.view.get("from") ? daysBetween(this.view.get("from"), this.view.get("to")) : 0;
    return n ? this.texts.say("days", { n }, n) : "…";
  }

  swatches() {
    const most = this.symbols.most();
    if (!most || this.symbols.radius(most) < 7) return [];
    const nice = (n) => Number(n.toPrecision(1)) || 1;
    const counts = [...new Set([nice(most / 8) || 1, nice(most / 2), most])].filter((n) => n <= most);
    return counts.map((n) => ({ n, radius: Math.max(2, this.symbols.radius(n)) }));
  }

  hovered(event) {
    const box = byId("hover");
    const inside = event && !this.narrow ? this.areas.at(event.latlng) : null;
    this.areas.point(inside?.properties.code ?? null);
    this.map.getContainer().style.cursor = inside ? "pointer" : "";
    box.hidden = !inside;
    if (!inside) return;
    const area = this.areas.countOf?.get(inside.properties.code);
    const name = Object.assign(document.createElement("strong"), { textContent: this.nameOf(inside.properties) });
    box.replaceChildren(name, area ? this.numbersLine(area) : "");
    const size = this.map.getSize();
    const { x, y } = event.containerPoint;
    const left = x + 260 > size.x ? x - box.offsetWidth - 14 : x + 14;
    box.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.min(y + 14, size.y - box.offsetHeight - 8))}px)`;
  }

  numbersLine(area) {
    if (area.n === null) return this.texts.say("notShown");
    return `${this.texts.number(area.n)} ${this.texts.say("cases", {}, area.n)} · ${this.texts.say("perKm2", { rate: this.texts.rate(area.n / area.km2) })}`;
  }

  clicked(event) {
    const inside = this.areas.at(event.latlng);
    this.view.set({ sel: inside ? `area:${inside.properties.code}` : "" });
  }

  codeOnMap(what) {
    if (what.code) return what.code;
    return [what.community.code, what.street.code, ...what.cells].find((code) => this.areas.byCode.has(code)) ?? null;
  }

  selection() {
    const [kind, code] = this.view.get("sel").split(":");
    return { area: kind === "area" ? code : null, place: kind === "place" ? code : null };
  }

  /** Show what is selected. `fresh` says that a person has just chosen it: lists scroll, and a place comes into view. */
  select(fresh) {
    const { area, place } = this.selection();
    this.markSelection(fresh);
    if (area) this.selectArea(area);
    else if (place) this.selectPlace(place, fresh);
    else this.detail.clear();
  }

  markSelection(scroll) {
    const { area, place } = this.selection();
    this.lists.mark({ area, place }, scroll);
    this.areas.choose(area ? [area] : [], place ? this.areas.extra : []);
  }

  numbers(what, km2 = null) {
    const say = (n) => (n === null ? "<3" : this.texts.number(n));
    const found = [[this.texts.say("now"), say(what.n)], [this.texts.say("before"), say(what.before)]];
    if (what.usual) found.push([this.texts.say("usual"), this.texts.rate(what.usual)]);
    if (km2 && what.n !== null) found.push([this.texts.say("rate"), this.texts.rate(what.n / km2)]);
    else if (what.usual) found.push([this.texts.say("timesUsual"), `${this.texts.times(what.n / what.usual)}×`]);
    return found;
  }

  selectArea(code) {
    const area = this.areas.countOf?.get(code);
    if (!area) return;
    const shape = () => this.areas.byCode.get(code);
    const sub = `${code} · ${this.texts.say("areaKm2", { n: this.texts.rate(area.km2) })}`;
    this.detail.head(this.nameOf(area), sub, this.numbers(area, area.km2), () => shape() && this.map.fitBounds(boundsOf([shape()]).pad(0.2)));
    const filters = { ...this.view.filters(), area: code };
    const given = Object.entries(filters).filter(([, value]) => value);
    this.detail.list({ ...filters, limit: 20 }, { all: `${this.page.cases}?${new URLSearchParams(given)}` });
  }

  selectPlace(cell, fresh) {
    const place = this.placesFound.find((other) => other.cells.includes(cell));
    if (!place) return undefined;
    const sub = [place.community.name, this.texts.pick(place.street.name, place.street.name_en), place.unit && this.texts.pick(place.unit.name, place.unit.name_en)].filter((word, i, all) => word && all.indexOf(word) === i).join(" · ");
    this.detail.head(this.texts.pick(place.name, place.name_en), sub, this.numbers(place), () => this.zoomTo(this.areas.extra));
    return this.during(() => this.outlinePlace(place, cell, fresh));
  }

  /** Outline the cells of a place and list its cases: those in the box around its cells that lie in one of them. */
  async outlinePlace(place, cell, fresh) {
    const reach = 0.03;
    const box = [place.lon - reach, place.lat - reach, place.lon + reach, place.lat + reach].map((v) => v.toFixed(4)).join(",");
    const shapes = await ask(`${this.page.api}/areas`, { level: this.page.levels.at(-1).code, zoom: 15, bbox: box });
    if (this.selection().place !== cell) return;
    const cells = new Set(place.cells);
    const features = readFeatures(shapes).filter((feature) => cells.has(feature.properties.code));
    this.areas.choose([], features);
    if (!features.length) return;
    if (fresh) this.zoomTo(features);
    const around = boundsOf(features);
    const inBox = [around.getWest(), around.getSouth(), around.getEast(), around.getNorth()].map((v) => v.toFixed(6)).join(",");
    await this.detail.list({ ...this.view.filters(), bbox: inBox, limit: 200 }, { keep: (one) => cells.has(one.cell) });
  }

  zoomTo(features) {
    if (!features.length) return;
    const below = this.narrow ? window.innerHeight * 0.55 : 40;
    this.map.fitBounds(boundsOf(features), { maxZoom: 16, paddingTopLeft: [40, 90], paddingBottomRight: [this.narrow ? 40 : 380, below] });
  }

  async copyLink(button) {
    const words = button.textContent;
    try {
      await navigator.clipboard.writeText(new URL(this.view.address(), location.href).href);
      button.textContent = this.texts.say("copied");
    } catch {
      button.textContent = this.texts.say("copyFailed");
    }
    setTimeout(() => (button.textContent = words), 2000);
  }
}
