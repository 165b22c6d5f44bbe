// Names on the map. Each source offers labels with a rank; the lowest ranks are placed first, and none touches
// another, nor a circle unless it is marked `above`.
import { Canvas, colour, paneAt } from "./canvas.js";

const FONT = getComputedStyle(document.documentElement).getPropertyValue("--sans");
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";

export class Labels {
  constructor(map) {
    this.sources = [];
    this.obstacles = [];
    this.canvas = new Canvas((frame) => this.paint(frame), paneAt(map, "names", 450)).addTo(map);
  }

  pick(zh, en) {
    return language === "zh" ? zh || en || "" : en || zh || "";
  }

  refresh() {
    this.canvas.refresh();
  }

  paint(frame) {
    const offered = this.sources.flatMap((source) => source(frame)).filter((label) => label.text);
    offered.sort((a, b) => a.rank - b.rank);
    const taken = [];
    const blocked = this.obstacles.flatMap((obstacle) => obstacle(frame));
    const seen = new Map();
    for (const label of offered) this.place(frame, label, label.above ? taken : [...taken, ...blocked], taken, seen);
  }

  /** Draw a label unless it would touch one of `avoided`; then it is `taken` itself. */
  place(frame, label, avoided, taken, seen) {
    const { context } = frame;
    context.font = `${label.italic ? "italic " : ""}${label.weight || 500} ${label.size}px ${FONT}`;
    const width = context.measureText(label.text).width + 6;
    const height = label.size * 1.25;
    const [c, s] = [Math.abs(Math.cos(label.angle || 0)), Math.abs(Math.sin(label.angle || 0))];
    const halfX = (width * c + height * s) / 2;
    const halfY = (width * s + height * c) / 2;
    const box = [label.x - halfX, label.y - halfY, label.x + halfX, label.y + halfY];
    if (box[0] < 0 || box[1] < 0 || box[2] > frame.width || box[3] > frame.height) return;
    if (avoided.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) return;
    const same = seen.get(label.text) || [];
    if (same.some(([x, y]) => Math.hypot(x - label.x, y - label.y) < 340)) return;
    seen.set(label.text, [...same, [label.x, label.y]]);
    taken.push(box);
    context.save();
    context.translate(label.x, label.y);
    context.rotate(label.angle || 0);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.2;
    context.strokeStyle = colour("map-halo");
    context.strokeText(label.text, 0, 0);
    context.fillStyle = colour(label.ink);
    context.fillText(label.text, 0, 0);
    context.restore();
  }
}

const roomFor = (text, size) => [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? size : size * 0.56), 10);

/** Where a text fits along a line: the straightest stretch that is long enough, nearest to the middle of the picture. */
export function lineLabel(frame, feature, text, size) {
  const needed = roomFor(text, size);
  let best = null;
  for (const path of feature.paths) {
    for (let i = 0; i + 2 < path.length; i += 2) {
      const found = stretch(frame, path, i, needed);
      if (found && (!best || found.far < best.far)) best = found;
    }
  }
  if (!best) return null;
  const angle = Math.atan(Math.tan(best.angle)); // upright
  return { text, x: best.x, y: best.y, angle, size };
}

function stretch(frame, path, start, needed) {
  const [x0, y0] = [frame.x(path[start]), frame.y(path[start + 1])];
  if (x0 < -needed || y0 < -needed || x0 > frame.width + needed || y0 > frame.height + needed) return null;
  let length = 0;
  let [px, py] = [x0, y0];
  for (let j = start + 2; j < path.length; j += 2) {
    const [x, y] = [frame.x(path[j]), frame.y(path[j + 1])];
    length += Math.hypot(x - px, y - py);
    [px, py] = [x, y];
    const chord = Math.hypot(x - x0, y - y0);
    if (chord < length * 0.98) return null;
    if (chord < needed) continue;
    const [mx, my] = [(x0 + x) / 2, (y0 + y) / 2];
    return { x: mx, y: my, angle: Math.atan2(y - y0, x - x0), far: Math.hypot(mx - frame.width / 2, my - frame.height / 2) };
  }
  return null;
}
