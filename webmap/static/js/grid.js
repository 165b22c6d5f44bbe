// Counts in squares of the working CRS, for exactly the view: their sum is the number of cases that can be seen.
import { classColour, classOf } from "./areas.js";
import { Latest } from "./ask.js";
import { Canvas, colour, paneAt } from "./canvas.js";
import { perMetre, worldX, worldY } from "./world.js";

export class Grid {
  constructor({ url }) {
    Object.assign(this, { url, density: null, shown: false });
    this.latest = new Latest();
  }

  addTo(map) {
    this.map = map;
    this.canvas = new Canvas((frame) => this.paint(frame), paneAt(map, "grid", 310)).addTo(map);
    return this;
  }

  setShown(shown) {
    this.shown = shown;
    this.canvas.refresh();
  }

  /** Ask for the squares of the view; undefined when a newer question came first. */
  async load(filters) {
    const seen = this.map.getBounds();
    const box = [seen.getWest(), seen.getSouth(), seen.getEast(), seen.getNorth()].map((v) => v.toFixed(5));
    const found = await this.latest.ask(this.url, { ...filters, bbox: box.join(","), zoom: Math.round(this.map.getZoom()) });
    if (found) {
      this.density = found;
      this.canvas.refresh();
    }
    return found;
  }

  paint(frame) {
    if (!this.shown || !this.density) return;
    const { context } = frame;
    const { cells, size_m: metres, breaks } = this.density;
    const inks = Array.from({ length: breaks.length + 2 }, (_, i) => classColour(i, breaks));
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
    const dark = colour("class-ink");
    for (const cell of cells) {
      const half = (metres / 2) * perMetre(cell.y) * frame.scale;
      const [x, y] = [frame.x(worldX(cell.x)), frame.y(worldY(cell.y))];
      const index = classOf(cell.n, breaks);
      context.globalAlpha = 0.85;
      context.fillStyle = inks[index];
      context.fillRect(x - half + 0.5, y - half + 0.5, 2 * half - 1, 2 * half - 1);
      context.globalAlpha = 1;
      if (half < 13) continue;
      context.fillStyle = index > 3 ? colour("card") : dark;
      context.fillText(cell.n, x, y);
    }
  }
}
