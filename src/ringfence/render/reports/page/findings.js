// Mistakes in the policies, what is wrong in the input, what the answers assume, and what no policy isolates.

import { textOf } from "./editor.js";
import { counted, h } from "./elements.js";
import { mistake, signOf } from "./mistakes.js";
import { pluginName, traitsOf } from "./plugin.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */

/** Mistakes of a rule that are shown at once. */
const MOST_OPEN = 10;

/** @param {Report} report */
export function findingsView(report) {
  const { problems, assumptions, unread, workloads, findings, plugin, pending } = report.data;
  const found = report.findings();
  const open = workloads.flatMap((_, number) =>
    report.acting(number, "ingress").some((policy) => !policy.tier) ? [] : [number],
  );
  const nothing = [
    problems.length ? "" : "The input has no problems.",
    unread.length ? "" : "All policies are read.",
    assumptions.length ? "" : "The answers assume nothing.",
    open.length ? "" : "Every workload is isolated for ingress.",
  ].filter(Boolean);
  return h(
    "section",
    { class: "findings" },
    h("h1", {}, "Findings"),
    h("h2", {}, "Mistakes in policies", found.length ? h("span", { class: "quiet" }, ` ${counted(found.length + findings.more, "item")}`) : null),
    pending ? h("p", { class: "quiet" }, "The cluster has changed. These are as they were before, and are being looked for again.") : null,
    found.length
      ? byRule(found).map((some) => group(report, some))
      : pending ? null : h("p", { class: "quiet" }, "No rule finds a mistake."),
    findings.more ? h("p", {}, `${counted(findings.more, "more item")}, which are not worse: `, h("code", {}, "ringfence lint"), " lists all.") : null,
    findings.skipped.map(({ rules, reason }) => h("p", { class: "quiet" }, `Not decided: ${rules.join(", ")}: ${reason}.`)),
    found.length ? h("p", { class: "quiet" }, "Why each matters: ", h("code", {}, `ringfence lint --explain ${found[0][0].rule}`)) : null,
    list(
      "Problems of the input",
      problems.map(({ severity, file, line, object, message, remedy }) =>
        h("li", { class: severity }, h("code", {}, line ? `${file}:${line}` : file), ` ${severity}: ${object ? `${object}: ` : ""}${message}`, remedy ? h("div", { class: "quiet" }, `remedy: ${remedy}`) : null),
      ),
    ),
    plugin ? h("section", {}, h("h2", {}, `What ${pluginName(plugin)} changes`), traitsOf(plugin, "what passes here"), h("p", { class: "quiet" }, "The mistakes above are those of the policies as upstream means them. What pods to come could reach is not in this report.")) : null,
    list("Policies that are not read", unread.map((text) => h("li", {}, text))),
    list("What the answers assume", assumptions.map((text) => h("li", {}, text))),
    list(
      "Workloads that no NetworkPolicy isolates for ingress",
      open.map((number) => h("li", {}, h("a", { href: link("workload", report.name(number)) }, report.name(number)))),
    ),
    nothing.length ? h("p", { class: "quiet" }, nothing.join(" ")) : null,
  );
}

/** @typedef {[import("./report.js").Finding, import("./report.js").Policy | undefined]} Found */

/** The mistakes of each rule and severity, the worst first. @param {Found[]} found */
function byRule(found) {
  /** @type {Map<string, Found[]>} */
  const groups = new Map();
  for (const severity of ["error", "warning", "note"]) {
    for (const one of found.filter(([{ severity: its }]) => its === severity)) {
      const key = `${severity} ${one[0].rule}`;
      const some = groups.get(key);
      if (some) some.push(one);
      else groups.set(key, [one]);
    }
  }
  return [...groups.values()];
}

/** The mistakes that one rule finds; many are folded. @param {Report} report @param {Found[]} some */
function group(report, some) {
  const [[first]] = some;
  return h(
    "details",
    { class: "by-rule", open: some.length <= MOST_OPEN },
    h("summary", {}, `${signOf(first)} ${first.severity} ${first.rule} ${first.name}`, h("span", { class: "quiet" }, ` ${some.length}`)),
    h("ul", { class: "mistakes" }, some.map(([one, policy]) => mistake(report, one, policy, policy ? textOf(report, policy).text : ""))),
  );
}

/** @param {string} heading @param {HTMLElement[]} items */
function list(heading, items) {
  if (!items.length) return null;
  return h("section", {}, h("h2", {}, heading, h("span", { class: "quiet" }, ` ${counted(items.length, "item")}`)), h("ul", {}, items));
}
