// The two lists beside the map: places in words, and counts by area. They are the map's table for who cannot see it.
import { byId, h } from "./dom.js";

const MUCH = 2; // times the usual level from which a place is marked

function setCurrent(row, current) {
  if (current) row.setAttribute("aria-current", "true");
  else row.removeAttribute("aria-current");
}

export class Lists {
  constructor(texts, { choosePlace, chooseArea, pointArea }) {
    Object.assign(this, { texts, choosePlace, chooseArea, pointArea });
    this.places = byId("places").tBodies[0];
    this.areas = byId("areas").tBodies[0];
    this.tabs = [byId("tab-places"), byId("tab-areas")];
    this.rowsOfPlaces = [];
    this.rowsOfAreas = new Map();
    this.tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => this.open(i));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        this.open(1 - i);
        this.tabs[1 - i].focus();
      });
    });
  }

  open(index) {
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = i !== index;
    });
  }

  waiting() {
    for (const body of [this.places, this.areas]) {
      if (body.rows.length) continue;
      body.replaceChildren(...Array.from({ length: 8 }, () => h("tr.skeleton", {}, ...Array.from({ length: 5 }, () => h("td")))));
    }
  }

  message(body, title, hint, action = null) {
    body.replaceChildren(h("tr", {}, h("td", { colspan: 5 }, h("div.said-empty", {}, h("strong", {}, title), hint, action))));
  }

  empty(body) {
    this.message(body, this.texts.say("empty"), this.texts.say("emptyHint"));
  }

  failed(detail, again) {
    const button = h("button.button", { type: "button", onclick: again }, this.texts.say("retry"));
    for (const body of [this.places, this.areas]) this.message(body, this.texts.say("failed", { detail }), "", button);
  }

  timesUsual(n, usual) {
    if (!usual) return h("td.num", {}, "–");
    const times = n / usual;
    const much = times >= MUCH && n >= 3;
    return h(much ? "td.num.much" : "td.num", {}, `${much ? "▲ " : ""}${this.texts.times(times)}×`);
  }

  row(rank, name, sub, share, choose) {
    return h("tr", { onclick: choose },
      h("td.rank", {}, String(rank)),
      h("td", {}, h("button.name", { type: "button" }, name), h("span.sub", {}, sub), h("span.share", { style: `width:${Math.max(2, share * 100)}%` })),
    );
  }

  setPlaces(places) {
    this.rowsOfPlaces = [];
    if (!places.length) return this.empty(this.places);
    const most = Math.max(1, places[0].n);
    for (const [i, place] of places.entries()) {
      const name = this.texts.pick(place.name, place.name_en);
      const row = this.row(i + 1, name, `${place.community.name} · ${this.texts.pick(place.street.name, place.street.name_en)}`, place.n / most, () => this.choosePlace(place));
      row.append(
        h("td.num.now", {}, this.texts.number(place.n)),
        h("td.num", {}, place.before === null ? "<3" : this.texts.number(place.before)),
        this.timesUsual(place.n, place.usual),
      );
      row.addEventListener("pointerenter", () => this.pointArea(place));
      row.addEventListener("pointerleave", () => this.pointArea(null));
      this.rowsOfPlaces.push({ place, row });
    }
    this.places.replaceChildren(...this.rowsOfPlaces.map(({ row }) => row));
    return undefined;
  }

  setAreas(areas, nameOf) {
    this.rowsOfAreas.clear();
    const ranked = areas.filter((area) => area.n !== 0).sort((a, b) => (b.n ?? 0) - (a.n ?? 0) || (a.code < b.code ? -1 : 1));
    if (!ranked.length) return this.empty(this.areas);
    const most = Math.max(1, ranked[0].n ?? 1);
    const few = this.texts.say("notShown");
    for (const [i, area] of ranked.slice(0, 300).entries()) {
      const row = this.row(i + 1, nameOf(area), area.code, (area.n ?? 0) / most, () => this.chooseArea(area.code));
      row.append(
        h("td.num.now", { title: area.n === null ? few : null }, area.n === null ? "<3" : this.texts.number(area.n)),
        h("td.num", {}, area.before === null ? "<3" : this.texts.number(area.before)),
        h("td.num", {}, area.n === null ? "–" : this.texts.rate(area.n / area.km2)),
      );
      row.addEventListener("pointerenter", () => this.pointArea({ code: area.code }));
      row.addEventListener("pointerleave", () => this.pointArea(null));
      this.rowsOfAreas.set(area.code, row);
    }
    this.areas.replaceChildren(...this.rowsOfAreas.values());
    return undefined;
  }

  /** Mark the row of what is chosen, and the places that lie within a chosen area. */
  mark({ area = null, place = null }, scroll) {
    let first = null;
    for (const { place: other, row } of this.rowsOfPlaces) {
      const chosen = place !== null && other.cells.includes(place);
      const near = area !== null && [other.community.code, other.street.code, ...other.cells].includes(area);
      row.classList.toggle("chosen", chosen);
      row.classList.toggle("near", near);
      setCurrent(row, chosen);
      if (chosen || near) first ??= row;
    }
    for (const [code, row] of this.rowsOfAreas) {
      row.classList.toggle("chosen", code === area);
      setCurrent(row, code === area);
    }
    if (!scroll) return;
    first?.scrollIntoView({ block: "nearest" });
    this.rowsOfAreas.get(area)?.scrollIntoView({ block: "nearest" });
  }
}
