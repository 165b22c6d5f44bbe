// Raw counts as circles in the areas of the choropleth: their areas, not their radii, are proportional.
import { Canvas, colour, paneAt } from "./canvas.js";
import { meets, middleOf, perMetre } from "./world.js";

export class Symbols {
  constructor({ largest }) {
    this.largest = largest;
    this.areas = null;
    this.shown = true;
  }

  addTo(map) {
    this.map = map;
    this.canvas = new Canvas((frame) => this.paint(frame), paneAt(map, "symbols", 400)).addTo(map);
    return this;
  }

  /** Circles for the areas of a layer, with their names beside them in `labels`. */
  follow(areas, labels) {
    Object.assign(this, { areas, labels });
    labels.obstacles.push((frame) => this.circles(frame).map(({ x, y, r }) => [x - r, y - r, x + r, y + r]));
    labels.sources.push((frame) => this.names(frame));
  }

  setShown(shown) {
    this.shown = shown;
    this.repaint();
  }

  repaint() {
    this.canvas.refresh();
    this.labels?.refresh();
  }

  /** The radius of the largest circle: it grows with the room that a typical area has at this zoom. */
  topRadius(scale) {
    const areas = this.areas.counts.areas;
    const typical = areas.reduce((sum, area) => sum + area.km2, 0) / Math.max(1, areas.length);
    const side = Math.sqrt(typical * 1e6) * perMetre(this.map.getCenter().lat) * scale;
    return Math.max(3, Math.min(this.largest, side * 0.46));
  }

  most() {
    return this.areas.counts.areas.reduce((top, area) => Math.max(top, area.n || 0), 0);
  }

  /** Pixels for a count, at the present zoom. */
  radius(n, scale = 256 * 2 ** this.map.getZoom()) {
    return Math.sqrt(n / this.most()) * this.topRadius(scale);
  }

  circles(frame) {
    const most = this.shown && this.areas?.counts ? this.most() : 0;
    if (!most) return [];
    const top = this.topRadius(frame.scale);
    const found = [];
    for (const feature of this.areas.features) {
      const area = this.areas.countOf.get(feature.properties.code);
      if (!area?.n || !meets(feature.box, frame.box)) continue;
      const r = Math.sqrt(area.n / most) * top;
      if (r < 1.2) continue;
      const [x, y] = middleOf(feature);
      found.push({ x: frame.x(x), y: frame.y(y), r, n: area.n });
    }
    return found.sort((a, b) => b.r - a.r);
  }

  paint(frame) {
    const { context } = frame;
    context.fillStyle = colour("map-symbol-fill");
    context.strokeStyle = colour("map-symbol");
    context.lineWidth = 1.4;
    const circles = this.circles(frame);
    for (const { x, y, r } of circles) {
      context.beginPath();
      context.arc(x, y, r, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = colour("map-symbol-ink");
    context.strokeStyle = colour("map-halo");
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    for (const { x, y, r, n } of circles) {
      const size = Math.min(13, r * 0.85);
      if (size < 8.5) break;
      context.font = `650 ${size}px ${getComputedStyle(document.body).fontFamily}`;
      context.strokeText(n, x, y);
      context.fillText(n, x, y);
    }
  }

  /** Names of the areas: streets always, finer levels as the zoom leaves room. */
  names(frame) {
    const { areas } = this;
    const found = frame.zoom < 15 ? areas.outer.map((feature) => this.nameOf(frame, feature, { size: frame.zoom < 12 ? 12 : 14, weight: 680, rank: 0, above: true })) : [];
    const between = areas.level !== areas.outerLevel && areas.wholeLevels.includes(areas.level);
    if (!between || frame.zoom < 13.5) return found.filter(Boolean);
    const own = areas.features.map((feature) => this.nameOf(frame, feature, { size: 12, weight: 550, rank: 10 }));
    return [...found, ...own].filter(Boolean);
  }

  /** The name of an area in its middle, or below the circle that is there. */
  nameOf(frame, feature, style) {
    if (!meets(feature.box, frame.box)) return null;
    const { areas } = this;
    const [x, y] = middleOf(feature);
    const circled = this.shown && areas.counts && areas.byCode.get(feature.properties.code) === feature;
    const n = circled ? areas.countOf.get(feature.properties.code)?.n : 0;
    const text = this.labels.pick(feature.properties.name, feature.properties.name_en);
    return { text, x: frame.x(x), y: frame.y(y) + (n ? this.radius(n, frame.scale) + 9 : 0), ink: "map-label", ...style };
  }
}
