// What the hand does on the timeline: one finger on the band scrubs, on the ruler it moves the view; two fingers zoom;
// the wheel zooms, sideways it moves. Owns the pointers that are down.

import { lengthOf, timeAt } from './scale.js';

/**
 * @typedef {import('./types.js').Range} Range
 *
 * @typedef {object} GestureHandlers
 * @property {(time: number) => void} onScrub the playhead is here while the pointer is down
 * @property {(time: number) => void} onScrubEnd
 * @property {(which: 'a' | 'b', time: number) => void} onFlag
 * @property {(view: Range) => void} onPan
 * @property {(factor: number, anchor: number) => void} onZoom
 * @property {(time: number | null, x: number) => void} onHover null when the pointer leaves
 */

/** A pointer that moves less than this was a click: 4 px. */
const CLICK_PX = 4;
/** Dragging this near to an edge moves the view: 28 px. */
const EDGE_PX = 28;
/** Each frame at the edge moves the view by this share of its length. */
const EDGE_SHARE = 0.012;
/** A wheel's notch (100 px) zooms by a quarter. */
const WHEEL_ZOOM = Math.log(1.25) / 100;

/**
 * @param {HTMLElement} frame
 * @param {() => Range} view
 * @param {GestureHandlers} handlers
 */
export function handleGestures(frame, view, handlers) {
  /** @type {Map<number, number>} */
  const pointers = new Map();
  /** @type {'scrub' | 'pan' | 'pinch' | 'a' | 'b' | null} */
  let doing = null;
  /** A finger that goes down may be about to scroll the page; it scrubs once it moves sideways, or when it lifts. */
  let begun = false;
  let startX = 0;
  let lastX = 0;
  /** @type {Range} */
  let startView = view();
  let edgeFrame = 0;

  const left = () => frame.getBoundingClientRect().left;
  const width = () => frame.clientWidth;
  /** @param {number} x */
  const time = (x) => timeAt(view(), width(), Math.min(Math.max(x, 0), width()));

  /** @param {number} x */
  const drag = (x) => {
    if (!begun && Math.abs(x - startX) <= CLICK_PX) return;
    begun = true;
    if (doing === 'scrub') handlers.onScrub(time(x));
    else if (doing === 'a' || doing === 'b') handlers.onFlag(doing, time(x));
  };

  const edge = () => {
    cancelAnimationFrame(edgeFrame);
    if (doing !== 'scrub' && doing !== 'a' && doing !== 'b') return;
    const sense = lastX < EDGE_PX ? -1 : lastX > width() - EDGE_PX ? 1 : 0;
    if (sense !== 0 && Math.abs(lastX - startX) > CLICK_PX) {
      const { from, to } = view();
      const shift = sense * EDGE_SHARE * (to - from);
      handlers.onPan({ from: from + shift, to: to + shift });
      drag(lastX);
    }
    edgeFrame = requestAnimationFrame(edge);
  };

  frame.addEventListener('pointerdown', (event) => {
    const target = event.target instanceof Element ? event.target : frame;
    if (event.button !== 0 || target.closest('.tl-mark')) return;
    const x = event.clientX - left();
    pointers.set(event.pointerId, x);
    if (pointers.size === 2) {
      if (doing === 'scrub' && begun) handlers.onScrubEnd(time(lastX));
      doing = 'pinch';
      return;
    }
    if (pointers.size > 2) return;
    frame.setPointerCapture(event.pointerId);
    const which = target.closest('[data-flag]')?.getAttribute('data-flag');
    startX = lastX = x;
    startView = view();
    doing = which === 'a' || which === 'b' ? which : target.closest('.tl-ruler, .tl-marks') ? 'pan' : 'scrub';
    frame.dataset.doing = doing;
    begun = doing === 'scrub' && event.pointerType === 'mouse';
    if (begun) handlers.onScrub(time(x));
    edge();
  });

  frame.addEventListener('pointermove', (event) => {
    const x = event.clientX - left();
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === 'mouse' && pointers.size === 0) handlers.onHover(time(x), x);
      return;
    }
    if (doing === 'pinch') {
      pinch(event.pointerId, x);
      return;
    }
    pointers.set(event.pointerId, x);
    lastX = x;
    if (doing === 'pan') {
      const shift = ((startX - x) / Math.max(1, width())) * lengthOf(startView);
      handlers.onPan({ from: startView.from + shift, to: startView.to + shift });
    } else {
      drag(x);
    }
  });

  /**
   * @param {number} id
   * @param {number} x
   */
  const pinch = (id, x) => {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    const before = pointers.get(id);
    pointers.set(id, x);
    if (other === undefined || before === undefined) return;
    // The moment under the middle of the fingers stays under it, also while both move aside.
    const anchor = time((before + other) / 2);
    const factor = Math.max(10, Math.abs(x - other)) / Math.max(10, Math.abs(before - other));
    handlers.onZoom(factor, anchor);
    const { from, to } = view();
    const shift = (((before - x) / 2) / Math.max(1, width())) * (to - from);
    handlers.onPan({ from: from + shift, to: to + shift });
  };

  /** @param {PointerEvent} event */
  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    const was = doing;
    if (pointers.size > 0) return;
    doing = null;
    delete frame.dataset.doing;
    cancelAnimationFrame(edgeFrame);
    const isClick = Math.abs(lastX - startX) <= CLICK_PX && event.type === 'pointerup';
    if (was === 'scrub' ? begun || isClick : was === 'pan' && isClick) handlers.onScrubEnd(time(lastX));
    if (event.pointerType !== 'mouse') handlers.onHover(null, 0);
  };
  frame.addEventListener('pointerup', end);
  frame.addEventListener('pointercancel', end);
  frame.addEventListener('pointerleave', () => pointers.size === 0 && handlers.onHover(null, 0));

  frame.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
      const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) {
        const { from, to } = view();
        const shift = ((sideways * unit) / Math.max(1, width())) * (to - from);
        handlers.onPan({ from: from + shift, to: to + shift });
      } else {
        // A pinch on a touchpad comes as a wheel with Ctrl and small steps.
        const strength = event.ctrlKey ? 5 : 1;
        handlers.onZoom(Math.exp(-event.deltaY * unit * strength * WHEEL_ZOOM), time(event.clientX - left()));
      }
    },
    { passive: false },
  );
}
