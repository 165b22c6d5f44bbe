// Areas of one level: coloured by rate, outlined, found under a pointer, chosen.
import { Canvas, colour, paneAt, trace } from "./canvas.js";
import { ViewLoader, boxAround } from "./loader.js";
import { holds, meets, readFeatures, worldX, worldY } from "./world.js";

/** Which class a value falls into: 0 for none, else 1 more than the limits it reaches, up to 5. */
export function classOf(value, breaks) {
  return value > 0 ? 1 + breaks.filter((limit) => value >= limit).length : 0;
}

/** With fewer limits than colours the classes spread over the whole ramp: the highest is always the darkest. */
export function classColour(index, breaks) {
  if (index === 0) return colour("class-0");
  const last = breaks.length + 1;
  return colour(`class-${last === 1 ? 3 : 1 + Math.round(((index - 1) * 4) / (last - 1))}`);
}

/** Below this zoom the edges of the finest areas would be a grey veil, and slow. */
const FINE_FROM = 13.2;

export class Areas {
  constructor({ url, zoomSteps, wholeLevels }) {
    Object.assign(this, { zoomSteps, wholeLevels, level: null, counts: null, filled: true });
    this.loader = new ViewLoader(url);
    this.outerLoader = new ViewLoader(url);
    this.outer = [];
    this.features = [];
    this.byCode = new Map();
    this.chosen = new Set();
    this.extra = [];
    this.pointed = null;
    this.changed = () => {};
    this.failed = () => {};
  }

  addTo(map) {
    this.map = map;
    this.fills = new Canvas((frame) => this.paintFills(frame), paneAt(map, "fills", 300)).addTo(map);
    this.edges = new Canvas((frame) => this.paintEdges(frame), paneAt(map, "edges", 360)).addTo(map);
    this.marks = new Canvas((frame) => this.paintMarks(frame), paneAt(map, "marks", 370)).addTo(map);
    map.on("moveend", () => this.load());
    return this;
  }

  setLevel(level) {
    if (level === this.level) return;
    Object.assign(this, { level, counts: null, features: [] });
    this.byCode.clear();
    this.load();
  }

  /** The answer of /api/v1/counts for this level. */
  setCounts(counts) {
    this.counts = counts;
    this.countOf = new Map(counts.areas.map((area) => [area.code, area]));
    this.fills.refresh();
  }

  setFilled(filled) {
    if (filled === this.filled) return;
    this.filled = filled;
    this.fills.refresh();
    this.edges.refresh();
  }

  /** Outline areas by code; `extra` features are outlined too, whatever level is shown. */
  choose(codes, extra = []) {
    this.chosen = new Set(codes);
    this.extra = extra;
    this.marks.refresh();
  }

  point(code) {
    if (code === this.pointed) return;
    this.pointed = code;
    this.marks.refresh();
  }

  at(latlng) {
    const [x, y] = [worldX(latlng.lng), worldY(latlng.lat)];
    return this.features.find((feature) => holds(feature, x, y)) || null;
  }

  load() {
    if (!this.level) return;
    const zoom = Math.round(this.map.getZoom());
    const step = this.zoomSteps.find((other) => zoom <= other) || this.zoomSteps.at(-1);
    this.loadLevel(step);
    if (this.level !== this.outerLevel) this.loadOuter(step);
  }

  get outerLevel() {
    return this.wholeLevels[0];
  }

  /** The coarsest areas are drawn and named around those of any other level. */
  async loadOuter(step) {
    const found = await this.outerLoader.load({ step, box: null, parameters: { level: this.outerLevel } }).catch(this.failed);
    if (!found) return;
    this.outer = readFeatures(found);
    this.marks.refresh();
    this.changed();
  }

  async loadLevel(step) {
    const level = this.level;
    const box = this.wholeLevels.includes(level) ? null : boxAround(this.map);
    try {
      const found = await this.loader.load({ step, box, parameters: { level } });
      if (!found || level !== this.level) return;
      this.features = readFeatures(found);
      if (level === this.outerLevel) this.outer = this.features;
      this.byCode = new Map(this.features.map((feature) => [feature.properties.code, feature]));
      for (const canvas of [this.fills, this.edges, this.marks]) canvas.refresh();
      this.changed();
    } catch (fault) {
      this.failed(fault);
    }
  }

  paintFills(frame) {
    if (!this.filled || !this.counts) return;
    const { context } = frame;
    const classes = Array.from({ length: this.counts.breaks.length + 2 }, () => []);
    for (const feature of this.features) {
      if (!meets(feature.box, frame.box)) continue;
      const area = this.countOf.get(feature.properties.code);
      classes[area?.n ? classOf(area.n / area.km2, this.counts.breaks) : 0].push(feature);
    }
    context.globalAlpha = Number(colour("class-alpha"));
    for (const [index, features] of classes.entries()) {
      context.beginPath();
      for (const feature of features) trace(frame, feature, true);
      context.fillStyle = classColour(index, this.counts.breaks);
      context.fill("evenodd");
    }
    context.globalAlpha = 1;
  }

  paintEdges(frame) {
    const { context } = frame;
    const fine = !this.wholeLevels.includes(this.level);
    if (fine && frame.zoom < FINE_FROM) return;
    context.lineJoin = "round";
    context.beginPath();
    for (const feature of this.features) if (meets(feature.box, frame.box)) trace(frame, feature, true);
    context.strokeStyle = colour(fine ? "map-edge" : "map-edge-strong");
    context.globalAlpha = (this.filled ? 1 : 0.6) * (fine ? Math.min(0.6, (frame.zoom - 11) / 8) : 0.6);
    context.lineWidth = fine ? 0.6 : 0.9;
    context.stroke();
    context.globalAlpha = 1;
  }

  /** The frame of the coarsest areas, what is chosen and what is pointed at: few lines, so they may change often. */
  paintMarks(frame) {
    const { context } = frame;
    context.lineJoin = "round";
    context.beginPath();
    for (const feature of this.outer) if (meets(feature.box, frame.box)) trace(frame, feature, true);
    context.strokeStyle = colour("map-edge-strong");
    context.globalAlpha = 0.85;
    context.lineWidth = 1.7;
    context.stroke();
    context.globalAlpha = 1;
    const marked = this.features.filter((feature) => this.chosen.has(feature.properties.code));
    this.outline(frame, [...marked, ...this.extra], "map-select", 3);
    const pointed = this.byCode.get(this.pointed);
    if (pointed) this.outline(frame, [pointed], "map-hover", 2);
  }

  outline(frame, features, ink, width) {
    const { context } = frame;
    for (const [style, size] of [["map-halo", width + 2.5], [ink, width]]) {
      context.beginPath();
      for (const feature of features) trace(frame, feature, true);
      context.strokeStyle = colour(style);
      context.lineWidth = size;
      context.stroke();
    }
  }
}
