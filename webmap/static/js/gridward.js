// What the maps of our pages are made of; the pages' own scripts begin here.
export { BaseMap } from "./basemap.js";
export { Areas } from "./areas.js";
export { Symbols } from "./symbols.js";
export { Grid } from "./grid.js";
export { Heat } from "./heat.js";
export { Legend, Scale } from "./legend.js";
export { CasePoint } from "./casepoint.js";

import { startPlanner } from "./planner.js";

/** Begin on a page: the planner's map has areas; the map of one case needs nothing more than its pieces. */
export function start(map, pieces) {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  if (pieces.areas) startPlanner(map, pieces, page);
}
