// Fetches what the view needs, and only when it holds less: shapes by box and by step of detail.
import { Latest } from "./ask.js";

const GRID = 0.02; // degrees: boxes are rounded outward to this, so that a small move asks nothing

/** The box of the view, a quarter wider, rounded outward, as west, south, east, north. */
export function boxAround(map, margin = 0.25) {
  const seen = map.getBounds().pad(margin);
  const out = [seen.getWest(), seen.getSouth(), seen.getEast(), seen.getNorth()];
  return out.map((v, i) => Number(((i < 2 ? Math.floor(v / GRID) : Math.ceil(v / GRID)) * GRID).toFixed(2)));
}

const within = (inner, outer) =>
  inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3];

export class ViewLoader {
  constructor(url) {
    this.url = url;
    this.latest = new Latest();
    this.held = null;
  }

  /** The features for a box (null: all) at a step, or undefined when what is held is enough or a newer call came. */
  async load({ step, box, parameters = {} }) {
    const wanted = { key: JSON.stringify([step, parameters]), box };
    if (this.held && this.held.key === wanted.key && (this.held.box === null || (box && within(box, this.held.box)))) {
      return undefined;
    }
    this.held = wanted;
    try {
      const asked = { ...parameters, zoom: step, bbox: box ? box.join(",") : "" };
      return await this.latest.ask(this.url, asked);
    } catch (fault) {
      if (this.held === wanted) this.held = null;
      throw fault;
    }
  }
}
