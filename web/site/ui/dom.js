// Builds elements from values. Text goes in as text, never as HTML.

/**
 * @typedef {string | number | Node | null | undefined | false} Child
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes] true sets an empty attribute; false and null leave it out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/**
 * The element with this id, which the page is known to have.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${type.name} #${id}`);
}

/**
 * Sets the text only if it differs, so that nothing is drawn or read out again for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to screen readers through the page's live region. @param {string} text */
export function announce(text) {
  const region = document.getElementById('announcer');
  if (region) setText(region, text);
}

/** A query parameter of this page, or "". @param {string} name */
export function pageParameter(name) {
  return new URLSearchParams(location.search).get(name) ?? '';
}
