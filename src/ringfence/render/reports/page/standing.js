// The local page only: when the cluster has changed and all is drawn again, one stays where one is in the page, and what is
// still being found stays as it was.

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */

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

/** Show mistakes and exposure as they were, for the workloads and policies that are still there. @param {Report} before @param {Report} report */
export function keepFindings(before, report) {
  const { data } = report;
  const key = (/** @type {Policy} */ policy) => `${policy.kind} ${report.policyName(policy)}`;
  const numbers = new Map(data.policies.map((policy, number) => [key(policy), number]));
  const found = before.data.findings.found.flatMap((one) => {
    const told = { ...one, fix: undefined }; // a correction is about the text as it was
    if (one.policy === undefined) return [told];
    const policy = numbers.get(key(before.data.policies[one.policy]));
    return policy === undefined ? [] : [{ ...told, policy }];
  });
  data.findings = { ...before.data.findings, found };
  data.exposure = before.data.exposure?.map((row) => ({ ...row, workloads: row.workloads.flatMap((number) => report.byName.get(before.name(number)) ?? []) })) ?? null;
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
