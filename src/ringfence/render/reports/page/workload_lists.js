// Lists of workloads: many are folded by namespace, and a namespace is listed when it is opened.

import { counted, h, replace } from "./elements.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */

/** Workloads that are listed without folding. */
const FEW = 30;

/** @param {Report} report @param {number[]} numbers */
export function workloadList(report, numbers) {
  if (numbers.length <= FEW) return list(report, numbers);
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (const number of numbers) {
    const members = groups.get(report.namespace(number));
    if (members) members.push(number);
    else groups.set(report.namespace(number), [number]);
  }
  return h("div", {}, [...groups].map(([namespace, members]) => folded(report, namespace, members, groups.size === 1)));
}

/** @param {Report} report @param {string} namespace @param {number[]} members @param {boolean} isOpen */
function folded(report, namespace, members, isOpen) {
  const place = h("div", {}, isOpen && list(report, members));
  const fill = () => place.firstChild || replace(place, list(report, members));
  return h("details", { open: isOpen, ontoggle: fill }, h("summary", {}, namespace, h("span", { class: "quiet" }, ` ${counted(members.length, "workload")}`)), place);
}

/** @param {Report} report @param {number[]} numbers */
function list(report, numbers) {
  return h("ul", { class: "many" }, numbers.map((number) => h("li", {}, h("a", { href: link("workload", report.name(number)) }, report.name(number)))));
}
