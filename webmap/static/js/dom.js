// Elements made without markup: every text is set as text, so that nothing a person wrote can become HTML.

export const byId = (id) => document.getElementById(id);

/** h("a.quiet", { href: "/" }, "text", node) makes <a class="quiet" href="/">text…</a>; `on…` attributes are listeners. */
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Call `act` once the calls stop coming for `wait` milliseconds. */
export function settled(act, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), wait);
  };
}
