// The local page only: where one is in the page stays when the cluster has changed and all is drawn again.

/**
 * Draw, and then scroll, focus and type on as before.
 * @param {HTMLElement} content
 * @param {() => void} draw
 */
export function drawnInPlace(content, draw) {
  const focused = document.activeElement;
  const frames = scrolling(content).map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
  draw();
  scrolling(content).forEach((frame, number) => Object.assign(frame, frames[number]));
  if (focused instanceof HTMLTextAreaElement) typeOn(content, focused);
  if (focused?.hasAttribute("data-cell")) goOn(content, endsOf(focused));
}

/** Focus the cell of the same ends. The matrix draws its cells when it knows its size: before the next frame. @param {HTMLElement} content @param {string | undefined} ends */
function goOn(content, ends) {
  const focus = () => {
    const cell = [...content.querySelectorAll("[data-cell]")].find((one) => endsOf(one) === ends);
    if (cell instanceof HTMLElement && document.activeElement === document.body) cell.focus({ preventScroll: true });
  };
  requestAnimationFrame(() => requestAnimationFrame(focus));
}

/** @param {Element} cell */
function endsOf(cell) {
  return cell.getAttribute("aria-label")?.split(": ")[0];
}

/** What scrolls by itself. @param {HTMLElement} content @returns {HTMLElement[]} */
function scrolling(content) {
  return [...content.querySelectorAll(".matrix, .map-frame")].filter((one) => one instanceof HTMLElement);
}

/** Go on in the text that is drawn anew. What was typed since the last drawing may not have reached the server. @param {HTMLElement} content @param {HTMLTextAreaElement} before */
function typeOn(content, before) {
  const label = before.getAttribute("aria-label");
  const area = [...content.querySelectorAll("textarea")].find((one) => one.getAttribute("aria-label") === label);
  if (!area) return;
  area.focus({ preventScroll: true });
  if (before.value !== before.defaultValue && before.value !== area.value) {
    area.value = before.value;
    area.dispatchEvent(new Event("input"));
  }
  area.setSelectionRange(before.selectionStart, before.selectionEnd);
  area.scrollTop = before.scrollTop;
}
