// Geometry in world units: Web Mercator, 0 to 1 from west to east and from north to south, as fast to draw as to test.

const EARTH = 2 * Math.PI * 6378137;

export const worldX = (lon) => (lon + 180) / 360;
export const worldY = (lat) => {
  const s = Math.sin((lat * Math.PI) / 180);
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
};
export const lonOf = (x) => x * 360 - 180;
export const latOf = (y) => (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90;

/** World units that a metre on the ground takes at a latitude. */
export const perMetre = (lat) => 1 / (EARTH * Math.cos((lat * Math.PI) / 180));

function path(coordinates, box) {
  const out = new Float64Array(coordinates.length * 2);
  coordinates.forEach(([lon, lat], i) => {
    const x = worldX(lon);
    const y = worldY(lat);
    out[2 * i] = x;
    out[2 * i + 1] = y;
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x > box[2]) box[2] = x;
    if (y > box[3]) box[3] = y;
  });
  return out;
}

const PATHS = {
  Point: (c) => [[c]],
  MultiPoint: (c) => c.map((point) => [point]),
  LineString: (c) => [c],
  MultiLineString: (c) => c,
  Polygon: (c) => c,
  MultiPolygon: (c) => c.flat(),
};

/** Features as { properties, paths, box }: rings, lines or points as flat arrays x, y, x, y … */
export function readFeatures(collection) {
  return collection.features
    .filter((feature) => feature.geometry && PATHS[feature.geometry.type])
    .map((feature) => {
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      const paths = PATHS[feature.geometry.type](feature.geometry.coordinates).map((c) => path(c, box));
      return { properties: feature.properties, paths, box, middle: null };
    });
}

export const meets = (a, b) => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];

/** True when the world point lies in the polygon (even-odd over all its rings). */
export function holds(feature, x, y) {
  const [west, north, east, south] = feature.box;
  if (x < west || x > east || y < north || y > south) return false;
  let inside = false;
  for (const ring of feature.paths) {
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const [xi, yi, xj, yj] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}

/** A world point well inside a polygon: of five level lines through it, the middle of the widest stretch within. */
export function middleOf(feature) {
  if (feature.middle) return feature.middle;
  const [, north, , south] = feature.box;
  let best = [(feature.box[0] + feature.box[2]) / 2, (north + south) / 2];
  let widest = 0;
  for (const share of [0.5, 0.4, 0.6, 0.3, 0.7]) {
    const y = north + (south - north) * share;
    const crossings = [];
    for (const ring of feature.paths) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        if (ring[i + 1] > y !== ring[j + 1] > y) {
          crossings.push(((ring[j] - ring[i]) * (y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]);
        }
      }
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const width = (crossings[i + 1] - crossings[i]) * (share === 0.5 ? 1.25 : 1);
      if (width > widest) {
        widest = width;
        best = [(crossings[i] + crossings[i + 1]) / 2, y];
      }
    }
  }
  feature.middle = best;
  return best;
}

/** The Leaflet bounds around features. */
export function boundsOf(features) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const feature of features) {
    box[0] = Math.min(box[0], feature.box[0]);
    box[1] = Math.min(box[1], feature.box[1]);
    box[2] = Math.max(box[2], feature.box[2]);
    box[3] = Math.max(box[3], feature.box[3]);
  }
  return L.latLngBounds([latOf(box[3]), lonOf(box[0])], [latOf(box[1]), lonOf(box[2])]);
}
