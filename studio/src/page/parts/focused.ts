/** The focus of what appears because a visitor asked for it. */

/**
 * A `ref` that gives an element the focus when it appears. One and the same for all, as a ref that is another function at each
 * drawing is called at each, and would take the focus from wherever the visitor is by then.
 */
export function focusOnce(element: HTMLElement | null): void {
  element?.focus();
}
