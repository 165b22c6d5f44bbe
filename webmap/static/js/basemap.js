// The city's own base map: land use and water below everything, roads above the colours, names on top.
import { Canvas, colour, paneAt, trace } from "./canvas.js";
import { Labels, lineLabel } from "./labels.js";
import { ViewLoader, boxAround } from "./loader.js";
import { meets, middleOf, readFeatures } from "./world.js";

// The survey's Chinese class words and their English ones; the first that occurs in a class decides.
const LAND = [
  [/水|water/, "map-water"],
  [/绿|林|园|green|park|forest/, "map-green"],
  [/农|田|farm|field/, "map-farm"],
  [/居住|住宅|residen/, "map-home"],
  [/商|commerc|trade/, "map-trade"],
  [/工|仓|industr/, "map-works"],
];
const ROADS = [
  { match: /快速|express/, width: 4.6, from: 10, named: 12.5, fast: true },
  { match: /主干|arterial|primary/, width: 3.6, from: 10, named: 13.5 },
  { match: /次干|secondary|collector/, width: 2.5, from: 12, named: 14.5 },
  { match: /./, width: 1.5, from: 13.5, named: 15.5 },
];
const OUTLINED = { compound: "map-edge", market: "warm", building_site: "warm", urban_village: "map-label" };
const STEPS = [11, 13, 15, 18];

const landColour = (kind) => (LAND.find(([match]) => match.test(kind)) || [null, "map-other"])[1];
const roadStyle = (kind) => ROADS.find((style) => style.match.test(kind));

export class BaseMap {
  constructor({ url, layers }) {
    this.layers = layers.map(([name, from]) => ({ name, from, features: [], loader: new ViewLoader(url + name) }));
    this.failed = () => {};
  }

  addTo(map) {
    this.map = map;
    this.ground = new Canvas((frame) => this.paintGround(frame), paneAt(map, "ground", 200)).addTo(map);
    this.lines = new Canvas((frame) => this.paintLines(frame), paneAt(map, "lines", 330)).addTo(map);
    this.labels = new Labels(map);
    this.labels.sources.push((frame) => this.names(frame));
    map.on("moveend", () => this.load());
    this.load();
    return this;
  }

  features(name) {
    const layer = this.layers.find((other) => other.name === name);
    return layer && this.map.getZoom() >= layer.from ? layer.features : [];
  }

  load() {
    const zoom = this.map.getZoom();
    const step = STEPS.find((other) => Math.round(zoom) <= other) || STEPS.at(-1);
    for (const layer of this.layers) {
      if (zoom >= layer.from) this.loadLayer(layer, step);
    }
  }

  async loadLayer(layer, step) {
    try {
      const found = await layer.loader.load({ step, box: boxAround(this.map) });
      if (!found) return;
      layer.features = readFeatures(found);
      this.ground.refresh();
      this.lines.refresh();
      this.labels.refresh();
    } catch (fault) {
      this.failed(fault);
    }
  }

  paintGround(frame) {
    for (const feature of this.features("land_use")) {
      if (meets(feature.box, frame.box)) this.fill(frame, feature, colour(landColour(feature.properties.class || "")));
    }
    const water = colour("map-water");
    for (const feature of this.features("river")) {
      if (meets(feature.box, frame.box)) this.fill(frame, feature, water, colour("map-water-line"));
    }
  }

  fill(frame, feature, fill, edge = null) {
    const { context } = frame;
    context.beginPath();
    trace(frame, feature, true);
    context.fillStyle = fill;
    context.fill("evenodd");
    if (edge) {
      context.strokeStyle = edge;
      context.lineWidth = 0.8;
      context.stroke();
    }
  }

  paintLines(frame) {
    for (const [name, ink] of Object.entries(OUTLINED)) this.paintOutlines(frame, this.features(name), ink);
    const roads = this.features("road").filter((road) => meets(road.box, frame.box));
    const grown = Math.max(0.55, 1.33 ** (frame.zoom - 13.5));
    for (const casing of [true, false]) {
      for (const style of [...ROADS].reverse()) {
        if (frame.zoom < style.from) continue;
        const some = roads.filter((road) => roadStyle(road.properties.class || "") === style);
        this.paintRoads(frame, some, style, style.width * grown, casing);
      }
    }
    this.paintPoints(frame);
  }

  paintRoads(frame, roads, style, width, casing) {
    const { context } = frame;
    context.beginPath();
    for (const road of roads) trace(frame, road, false);
    context.lineJoin = context.lineCap = "round";
    context.strokeStyle = colour(`map-${style.fast ? "fast" : "road"}${casing ? "-edge" : ""}`);
    context.lineWidth = casing ? width + 1.3 : width;
    context.stroke();
  }

  paintOutlines(frame, features, ink) {
    const { context } = frame;
    context.beginPath();
    for (const feature of features) if (meets(feature.box, frame.box)) trace(frame, feature, true);
    context.strokeStyle = colour(ink);
    context.lineWidth = 1.1;
    context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
  }

  paintPoints(frame) {
    const { context } = frame;
    context.fillStyle = colour("map-label");
    context.strokeStyle = colour("map-halo");
    context.lineWidth = 1.5;
    for (const { paths } of this.features("landmark")) {
      context.beginPath();
      context.arc(frame.x(paths[0][0]), frame.y(paths[0][1]), 2.6, 0, 2 * Math.PI);
      context.stroke();
      context.fill();
    }
  }

  names(frame) {
    const found = [];
    const say = (feature) => this.labels.pick(feature.properties.name, feature.properties.name_en);
    for (const road of this.features("road")) {
      const style = roadStyle(road.properties.class || "");
      if (frame.zoom < style.named || !meets(road.box, frame.box) || !say(road)) continue;
      const label = lineLabel(frame, road, say(road), 11.5);
      if (label) found.push({ ...label, ink: "map-label-road", rank: 40 - style.width });
    }
    for (const river of this.features("river")) {
      if (frame.zoom < 12.5 || !say(river)) continue;
      const [x, y] = middleOf(river);
      found.push({ text: say(river), x: frame.x(x), y: frame.y(y), size: 12, ink: "map-label-water", italic: true, rank: 30 });
    }
    for (const mark of this.features("landmark")) {
      const [x, y] = mark.paths[0];
      found.push({ text: say(mark), x: frame.x(x), y: frame.y(y) + 11, size: 11, ink: "map-label", rank: 50 });
    }
    if (frame.zoom >= 15.5) {
      for (const name of Object.keys(OUTLINED)) {
        for (const feature of this.features(name)) {
          const [x, y] = middleOf(feature);
          found.push({ text: say(feature), x: frame.x(x), y: frame.y(y), size: 11, ink: "map-label", rank: 60 });
        }
      }
    }
    return found;
  }
}
