// Whether a key press is for the timeline, or for what has the focus.

/** Keys that move the page, where nothing else takes them. */
const SCROLLING = [' ', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown'];

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} view the picture and the timeline
 */
export function isForTimeline({ target, key }, view) {
  if (!(target instanceof Element)) return true;
  if (document.querySelector('dialog[open]') || target.closest('input, select, textarea')) return false;
  if (key === ' ' && target.closest('button, a, summary')) return false;
  return !SCROLLING.includes(key) || target === document.body || view.contains(target);
}
