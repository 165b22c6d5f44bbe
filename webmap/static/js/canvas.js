// A canvas of the map: Leaflet moves and zooms it, a painter fills it whenever the view has come to rest.

const scheme = window.matchMedia("(prefers-color-scheme: dark)");

const colours = new Map();
scheme.addEventListener("change", () => colours.clear());

/** The value of a colour of css/base.css, light or dark as the page is. Kept: asking the style each time is slow. */
export function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return colours.get(name);
}

/** A stack of drawings at one height; it lets every pointer through, for the map itself asks what lies below one. */
export function paneAt(map, name, height) {
  const pane = map.getPane(name) || map.createPane(name);
  pane.style.zIndex = height;
  pane.style.pointerEvents = "none";
  return name;
}

/** `paint(frame)` draws in pixels; frame.x(wx), frame.y(wy) take world units there, frame.box is what can be seen. */
export const Canvas = L.Renderer.extend({
  options: { padding: 0.12 },

  initialize(paint, pane) {
    L.Renderer.prototype.initialize.call(this, { pane });
    this._painter = paint;
  },

  onAdd() {
    L.Renderer.prototype.onAdd.call(this);
    this._recolour = () => this.refresh();
    scheme.addEventListener("change", this._recolour);
  },

  onRemove() {
    scheme.removeEventListener("change", this._recolour);
    L.Renderer.prototype.onRemove.call(this);
  },

  _initContainer() {
    this._container = document.createElement("canvas");
    this._container.setAttribute("aria-hidden", "true");
  },

  _destroyContainer() {
    L.DomUtil.remove(this._container);
    delete this._container;
  },

  _updatePaths() {},

  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const size = this._bounds.getSize();
    const ratio = window.devicePixelRatio || 1;
    L.DomUtil.setPosition(this._container, this._bounds.min);
    this._container.width = Math.round(size.x * ratio);
    this._container.height = Math.round(size.y * ratio);
    this._container.style.width = `${size.x}px`;
    this._container.style.height = `${size.y}px`;
    this.paint();
  },

  /** Draw again at the next picture, however often it is asked for: after data came or a choice changed. */
  refresh() {
    this._waiting ??= requestAnimationFrame(() => this.paint());
  },

  paint() {
    if (this._waiting) cancelAnimationFrame(this._waiting);
    this._waiting = null;
    if (!this._map || !this._bounds) return;
    const context = this._container.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this._container.width, this._container.height);
    this._painter(this._frame(context));
  },

  _frame(context) {
    const zoom = this._map.getZoom();
    const scale = 256 * 2 ** zoom;
    const corner = this._map.getPixelOrigin().add(this._bounds.min);
    const size = this._bounds.getSize();
    return {
      context,
      zoom,
      scale,
      width: size.x,
      height: size.y,
      x: (wx) => wx * scale - corner.x,
      y: (wy) => wy * scale - corner.y,
      box: [corner.x / scale, corner.y / scale, (corner.x + size.x) / scale, (corner.y + size.y) / scale],
    };
  },
});

/** Put the paths of a feature into the context's present path, without what is too small to be seen. */
export function trace(frame, feature, closed) {
  const { context } = frame;
  for (const path of feature.paths) {
    let [px, py] = [frame.x(path[0]), frame.y(path[1])];
    context.moveTo(px, py);
    for (let i = 2; i < path.length; i += 2) {
      const [x, y] = [frame.x(path[i]), frame.y(path[i + 1])];
      if (Math.abs(x - px) + Math.abs(y - py) < 0.8 && i + 2 < path.length) continue;
      context.lineTo(x, y);
      px = x;
      py = y;
    }
    if (closed) context.closePath();
  }
}
