// Legend and scale, as Leaflet controls.
import { classColour } from "./areas.js";
import { h } from "./dom.js";
import { Heat } from "./heat.js";

export class Legend {
  constructor({ position }) {
    this.control = L.control({ position });
    this.box = h("section.legend");
    this.control.onAdd = () => this.box;
    L.DomEvent.disableClickPropagation(this.box);
  }

  addTo(map) {
    this.control.addTo(map);
    return this;
  }

  clear() {
    this.box.replaceChildren();
    this.box.hidden = true;
  }

  /** Class colours from the densest to none; `swatches` are counts with the radius their circle has,
   * `least` names the class below the others. */
  classes(title, breaks, texts, { circlesTitle = "", swatches = [], whole = false, least = "" } = {}) {
    const limits = [0, ...breaks];
    const rows = limits
      .map((low, i) => this.row(classColour(i + 1, breaks), whole ? this.wholeRange(low, limits[i + 1]) : this.range(low, limits[i + 1], texts)))
      .reverse();
    if (!whole) rows.push(this.row(classColour(0, breaks), least));
    this.box.hidden = false;
    this.box.replaceChildren(h("h2", {}, title), h("ul", {}, ...rows));
    if (swatches.length) {
      const circles = swatches.map(({ n, radius }) =>
        h("b", {}, h("s", { style: `width:${2 * radius}px;height:${2 * radius}px` }), texts.number(n)),
      );
      this.box.append(h("h3.circles-title", {}, circlesTitle), h("div.circles", {}, ...circles));
    }
  }

  row(ink, text) {
    return h("li", {}, h("i", { style: `background:${ink}` }), text);
  }

  range(low, high, texts) {
    if (high === undefined) return low ? `≥ ${texts.rate(low)}` : "> 0";
    return low ? `${texts.rate(low)} – ${texts.rate(high)}` : `< ${texts.rate(high)}`;
  }

  /** A class of counts: from the first whole number of it to the last. */
  wholeRange(low, high) {
    const first = Math.max(1, Math.ceil(low));
    if (high === undefined) return `≥ ${first}`;
    const last = Math.ceil(high) - 1;
    return first === last ? `${first}` : `${first} – ${last}`;
  }

  ramp(title, few, many) {
    const stops = Object.entries(Heat.gradient())
      .sort(([a], [b]) => a - b)
      .map(([share, ink]) => `${ink} ${share * 100}%`);
    this.box.hidden = false;
    this.box.replaceChildren(
      h("h2", {}, title),
      h("div.ramp", { style: `background:linear-gradient(90deg, transparent, ${stops.join(",")})` }),
      h("div.ends", {}, h("span", {}, few), h("span", {}, many)),
    );
  }
}

export class Scale {
  constructor({ position }) {
    this.control = L.control.scale({ position, imperial: false, maxWidth: 120 });
  }

  addTo(map) {
    this.control.addTo(map);
    return this;
  }
}
