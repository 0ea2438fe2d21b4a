// What is wrong in the input, what the answers assume, and what no policy isolates.

import { counted, h } from "./elements.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */

/** @param {Report} report */
export function findingsView(report) {
  const { problems, assumptions, unread, workloads } = report.data;
  const open = workloads.flatMap((_, number) =>
    report.acting(number, "ingress").some((policy) => !policy.tier) ? [] : [number],
  );
  return h(
    "section",
    {},
    h("h1", {}, "Findings"),
    list(
      "Problems of the input",
      "The input has no problems.",
      problems.map(({ severity, file, line, object, message, remedy }) =>
        h("li", { class: severity }, h("code", {}, `${file}:${line}`), ` ${severity}: ${object}: ${message}`, remedy ? h("div", { class: "quiet" }, `remedy: ${remedy}`) : null),
      ),
    ),
    list("Policies that are not read", "All policies are read.", unread.map((text) => h("li", {}, text))),
    list("What the answers assume", "The answers assume nothing.", assumptions.map((text) => h("li", {}, text))),
    list(
      "Workloads that no NetworkPolicy isolates for ingress",
      "Every workload is isolated for ingress.",
      open.map((number) => h("li", {}, h("a", { href: link("workload", report.name(number)) }, report.name(number)))),
    ),
  );
}

/** @param {string} heading @param {string} none @param {HTMLElement[]} items */
function list(heading, none, items) {
  return [
    h("h2", {}, heading, items.length ? h("span", { class: "quiet" }, ` ${counted(items.length, "item")}`) : null),
    items.length ? h("ul", {}, items) : h("p", { class: "quiet" }, none),
  ];
}
