// On a phone the panel is a sheet with three heights; the handle is dragged, or pressed to go to the next one.
import { byId } from "./dom.js";

const HEIGHTS = ["92px", "46dvh", "calc(100dvh - 110px)"];

export class Sheet {
  constructor() {
    this.panel = byId("panel");
    this.desk = this.panel.parentElement;
    this.handle = byId("handle");
    this.at = 1;
    this.from = null;
    this.handle.addEventListener("click", () => this.moved || this.go((this.at + 1) % HEIGHTS.length));
    this.handle.addEventListener("pointerdown", (event) => this.grab(event));
    this.handle.addEventListener("pointermove", (event) => this.drag(event));
    this.handle.addEventListener("pointerup", (event) => this.drop(event));
    this.go(1);
  }

  go(index) {
    this.at = index;
    this.desk.style.setProperty("--sheet", HEIGHTS[index]);
    this.handle.setAttribute("aria-expanded", String(index > 0));
  }

  grab(event) {
    this.from = { y: event.clientY, height: this.panel.getBoundingClientRect().height };
    this.moved = false;
    this.handle.setPointerCapture(event.pointerId);
    this.panel.classList.add("dragged");
  }

  drag(event) {
    if (!this.from) return;
    const height = this.from.height + this.from.y - event.clientY;
    if (Math.abs(event.clientY - this.from.y) > 6) this.moved = true;
    this.desk.style.setProperty("--sheet", `${Math.max(80, Math.min(window.innerHeight - 80, height))}px`);
  }

  drop(event) {
    if (!this.from) return;
    this.panel.classList.remove("dragged");
    const height = this.from.height + this.from.y - event.clientY;
    this.from = null;
    if (!this.moved) return;
    const share = height / window.innerHeight;
    this.go(share < 0.28 ? 0 : share < 0.68 ? 1 : 2);
  }
}
