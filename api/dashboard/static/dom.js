// Builds and updates elements. Text is only ever set as text: what comes from a cluster is nobody's markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; false and null attributes and children are left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** The text without the characters that turn the direction of all that follows. */
export function plain(text) {
  return text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** Give the element this text, unless it has it, so that nobody's selection is lost and no reader speaks twice. */
export function say(element, text) {
  const said = plain(text);
  if (element.textContent !== said) element.textContent = said;
}

/**
 * Have `parent` hold one child for each of `items`, in their order. `key` tells items apart, `make` builds the child of
 * a new one, and `update` brings a child up to date; elements stay where they are as long as their item does.
 */
export function keyed(parent, items, { key, make, update = () => {} }) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const child = before.get(name) ?? make(item);
    if (!before.delete(name)) child.dataset.key = name;
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of before.values()) child.remove();
}

/** Put new content into an element, unless it looks the same. */
export function fill(element, ...children) {
  const fresh = document.createElement("div");
  fresh.append(...children.filter(present));
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (present(value)) element.setAttribute(name, value === true ? "" : value);
  }
  const shown = children.flat().filter(present);
  element.append(...shown.map((child) => (typeof child === "string" ? plain(child) : child)));
  return element;
}

function present(value) {
  return value !== null && value !== false && value !== undefined;
}
