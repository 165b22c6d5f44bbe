// What is selected: its numbers, and its newest cases in a list and as points on the map.
import { Latest } from "./ask.js";
import { byId, h } from "./dom.js";

const SHOWN = 20;

export class Detail {
  constructor(map, page, texts, close) {
    Object.assign(this, { map, page, texts, close });
    this.box = byId("detail");
    this.latest = new Latest();
    this.points = L.layerGroup().addTo(map);
    this.words = Object.fromEntries(page.states.map((state) => [state.code, texts.pick(state.zh, state.en)]));
    L.DomEvent.disableClickPropagation(this.box);
    L.DomEvent.disableScrollPropagation(this.box);
    this.box.addEventListener("keydown", (event) => event.key === "Escape" && close());
  }

  clear() {
    this.latest.controller?.abort();
    this.points.clearLayers();
    this.box.hidden = true;
    this.box.replaceChildren();
  }

  /** `numbers` is a list of [word, text]; `zoom` takes the map there. */
  head(title, sub, numbers, zoom) {
    this.points.clearLayers();
    const closing = h("button.close", { type: "button", "aria-label": this.texts.say("close"), onclick: this.close }, "×");
    this.cases = h("div");
    this.box.replaceChildren(
      h("header", {}, h("h2", {}, title), closing),
      h("p.sub", {}, sub),
      h("div.numbers", {}, ...numbers.map(([word, text]) => h("div", {}, h("b", {}, text), h("span", {}, word)))),
      h("button.quiet", { type: "button", onclick: zoom }, this.texts.say("zoomTo")),
      this.cases,
    );
    this.box.hidden = false;
    this.box.scrollTop = 0;
  }

  /** The newest cases of a question; `keep` may drop those that lie elsewhere. */
  async list(parameters, { keep = () => true, all = null } = {}) {
    if (!this.page.canSeeCases) {
      this.cases.replaceChildren(h("p.sub", {}, this.texts.say("publicCases")));
      return;
    }
    this.cases.replaceChildren(h("p.sub", {}, this.texts.say("loading")));
    try {
      const found = await this.latest.ask(`${this.page.api}/cases`, parameters);
      const newestFirst = (a, b) => (a.received_at < b.received_at ? 1 : -1);
      if (found) this.showCases(found.cases.filter(keep).sort(newestFirst).slice(0, SHOWN), all);
    } catch (fault) {
      this.cases.replaceChildren(h("p.sub", {}, this.texts.say("failed", { detail: fault.message })));
    }
  }

  showCases(cases, all) {
    const title = h("h3", {}, this.texts.say("newest"), all && h("a", { href: all }, this.texts.say("allCases")));
    if (!cases.length) {
      this.cases.replaceChildren(title, h("p.sub", {}, this.texts.say("empty")));
      return;
    }
    this.cases.replaceChildren(title, h("ul.case-list", {}, ...cases.map((one) => this.line(one))));
    for (const one of cases) this.point(one);
  }

  address(one) {
    return `${this.page.cases}/${encodeURIComponent(one.case)}`;
  }

  line(one) {
    return h("li", {},
      h("a", { href: this.address(one) }, this.texts.pick(one.category_name, one.category_name_en)),
      h("span.sub", {}, this.texts.moment(one.received_at)),
      h("span.sub", {}, [this.words[one.state] || one.state, one.unit?.name || this.texts.say("noUnit"), one.description].filter(Boolean).join(" · ")),
    );
  }

  point(one) {
    const name = `${this.texts.pick(one.category_name, one.category_name_en)}, ${one.case}`;
    const icon = L.divIcon({ className: "dot", iconSize: null });
    const marker = L.marker([one.lat, one.lon], { icon, title: name, alt: name, riseOnHover: true });
    marker.bindPopup(() => this.popup(one), { maxWidth: 260, autoPanPadding: [30, 60] });
    this.points.addLayer(marker);
  }

  popup(one) {
    return h("div.popup", {},
      h("strong", {}, this.texts.pick(one.category_name, one.category_name_en)),
      h("p.sub", {}, `${one.case} · ${this.texts.moment(one.received_at)}`),
      h("p.said", {}, one.description),
      h("p", {}, `${this.words[one.state] || one.state} · ${one.unit?.name || this.texts.say("noUnit")}`),
      h("p", {}, h("a", { href: `${this.address(one)}#why` }, this.texts.say("why"))),
    );
  }
}
