// Mistakes in policies, as `ringfence lint` finds them: each with its line, and the edit that corrects it.

import { h } from "./elements.js";
import { edit } from "./live.js";
import { go, link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Finding} Finding */
/** @typedef {import("./report.js").Fix} Fix */

const SIGNS = { error: "✗", warning: "!", note: "i" };

/** @param {Finding} finding */
export function signOf({ severity }) {
  return SIGNS[severity];
}

/**
 * The mistakes in one policy, in the order of its lines.
 * @param {Policy} policy
 * @param {string} text the text that they are about
 * @param {Finding[]} found
 * @param {(fixed: string) => void} [apply] called with the text after a correction, if one is chosen
 */
export function mistakesIn(policy, text, found, apply) {
  const named = (/** @type {Finding} */ one) => [h("span", { class: "sign", "aria-hidden": "true" }, signOf(one)), " ", h("strong", {}, `${one.severity} ${one.rule}`), ` ${one.name}, ${one.line ? `line ${one.line}` : one.path}`];
  return h("ul", { class: "mistakes" }, found.map((one) => item(one, h("span", {}, named(one)), fixOf(policy, text, one, apply))));
}

/** A mistake in the list of one rule, with a link to its policy. @param {Report} report @param {Finding} one @param {Policy | undefined} policy @param {string} text */
export function mistake(report, one, policy, text) {
  if (!policy) return item(one, h("span", {}, one.object ?? "", one.file ? ` (${one.file}:${one.line})` : ""), null);
  const place = h("span", {}, h("a", { href: link("policy", policy.kind, report.policyName(policy)) }, report.policyName(policy)), one.line ? ` line ${one.line}` : "");
  const apply = async (/** @type {string} */ fixed) => {
    await edit(report, policy, fixed);
    go("policy", policy.kind, report.policyName(policy));
  };
  return item(one, place, fixOf(policy, text, one, report.data.simulation && apply));
}

/** @param {Finding} one @param {HTMLElement} place @param {HTMLElement | null} fix */
function item(one, place, fix) {
  return h(
    "li",
    { class: one.severity },
    h("p", {}, place),
    h("p", {}, one.message),
    one.remedy ? h("p", { class: "quiet" }, `remedy: ${one.remedy}`) : null,
    fix,
  );
}

/** The edit that corrects a mistake, and a button that applies it. @param {Policy} policy @param {string} text @param {Finding} one @param {(fixed: string) => void} [apply] */
function fixOf(policy, text, { fix }, apply) {
  if (!fix || policy.generated) return null;
  const fixed = fixedText(text, policy.line, fix);
  if (fixed === null) return null;
  return h(
    "div",
    {},
    h("pre", { class: "fix", tabindex: "0", "aria-label": "The correction" }, changedLines(text, fixed)),
    apply ? h("p", {}, h("button", { onclick: () => apply(fixed) }, "Apply it in this page")) : null,
  );
}

/**
 * The text of a policy with a fix; null if it is about other lines.
 * @param {string} text
 * @param {number} first the number of its first line in the file
 * @param {Fix} fix whose columns count Unicode characters
 */
export function fixedText(text, first, { line, column, endLine, endColumn, newText }) {
  const lines = text.split("\n").map((one) => [...one]);
  const [from, to] = [line - first, endLine - first];
  if (from < 0 || from >= lines.length || to > lines.length) return null;
  const last = lines[to] ?? []; // a fix may end behind the last line
  const before = lines[from].slice(0, column - 1).join("");
  const after = last.slice(endColumn - 1).join("");
  const kept = (/** @type {string[][]} */ some) => some.map((one) => one.join(""));
  return [...kept(lines.slice(0, from)), ...`${before}${newText}${after}`.split("\n"), ...kept(lines.slice(to + 1))].join("\n");
}

/** The lines that differ between two texts, after `-` and `+`. @param {string} text @param {string} other */
function changedLines(text, other) {
  const [before, after] = [text.split("\n"), other.split("\n")];
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return [
    ...before.slice(start, before.length - end).map((line) => `- ${line}\n`),
    ...after.slice(start, after.length - end).map((line) => `+ ${line}\n`),
  ].join("");
}
