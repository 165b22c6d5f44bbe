// Leaflet.heat over the squares of the grid. It shows the same cases: Σ n of what it is given is printed on the map.
import { colour, paneAt } from "./canvas.js";

export class Heat {
  constructor({ radius, blur }) {
    Object.assign(this, { radius, blur, layer: null });
  }

  addTo(map) {
    this.map = map;
    paneAt(map, "heat", 320);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    return this;
  }

  static gradient() {
    return { 0.15: colour("class-1"), 0.35: colour("class-2"), 0.55: colour("class-3"), 0.78: colour("class-4"), 1: colour("class-5") };
  }

  /** The colour grows with the square root of n: one extreme square would otherwise be all that can be seen. */
  show(cells) {
    const points = cells.map((cell) => [cell.y, cell.x, Math.sqrt(cell.n)]);
    if (!this.layer) {
      const options = { radius: this.radius, blur: this.blur, minOpacity: 0.16, gradient: Heat.gradient(), pane: "heat" };
      this.layer = L.heatLayer(points, options).addTo(this.map);
    } else {
      this.layer.setLatLngs(points);
    }
  }

  hide() {
    this.layer?.remove();
    this.layer = null;
  }

  recolour() {
    this.layer?.setOptions({ gradient: Heat.gradient() });
  }
}
