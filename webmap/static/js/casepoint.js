// One case on its own map: the point, the circle of its accuracy, and every area that holds it.
import { ask } from "./ask.js";
import { Canvas, colour, paneAt, trace } from "./canvas.js";
import { boundsOf, holds, perMetre, readFeatures, worldX, worldY } from "./world.js";

const NEAR = 0.004; // degrees: the box in which the areas of the point are looked for

export class CasePoint {
  constructor({ lat, lon, accuracy, url, levels }) {
    Object.assign(this, { lat, lon, accuracy, url, levels });
    this.outlines = [];
  }

  addTo(map) {
    this.map = map;
    this.canvas = new Canvas((frame) => this.paint(frame), paneAt(map, "point", 420)).addTo(map);
    this.load();
    return this;
  }

  async load() {
    const box = [this.lon - NEAR, this.lat - NEAR, this.lon + NEAR, this.lat + NEAR].map((v) => v.toFixed(5)).join(",");
    const [x, y] = [worldX(this.lon), worldY(this.lat)];
    const found = await Promise.all(this.levels.map((level) => ask(this.url, { level, zoom: 18, bbox: box }).catch(() => null)));
    this.outlines = found.map((shapes) => shapes && readFeatures(shapes).find((feature) => holds(feature, x, y)));
    const finest = this.outlines.at(-1);
    if (finest) this.map.fitBounds(boundsOf([finest]).pad(0.9), { animate: false });
    this.canvas.refresh();
  }

  paint(frame) {
    const { context } = frame;
    this.outlines.forEach((feature, depth) => {
      if (!feature) return;
      context.beginPath();
      trace(frame, feature, true);
      if (depth === this.levels.length - 1) {
        context.globalAlpha = 0.1;
        context.fillStyle = colour("map-select");
        context.fill("evenodd");
        context.globalAlpha = 1;
      }
      context.strokeStyle = colour("map-select");
      context.setLineDash(depth === this.levels.length - 1 ? [] : [8, 5 - depth]);
      context.lineWidth = 3 - depth * 0.5;
      context.stroke();
      context.setLineDash([]);
    });
    const [x, y] = [frame.x(worldX(this.lon)), frame.y(worldY(this.lat))];
    if (this.accuracy) {
      context.beginPath();
      context.arc(x, y, this.accuracy * perMetre(this.lat) * frame.scale, 0, 2 * Math.PI);
      context.fillStyle = colour("map-symbol-fill");
      context.strokeStyle = colour("map-symbol");
      context.lineWidth = 1;
      context.fill();
      context.stroke();
    }
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.fillStyle = colour("warm");
    context.strokeStyle = colour("card");
    context.lineWidth = 2.5;
    context.fill();
    context.stroke();
  }
}
