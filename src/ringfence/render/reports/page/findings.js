// Mistakes in the policies, what is wrong in the input, what the answers assume, and what no policy isolates.

import { textOf } from "./editor.js";
import { counted, h } from "./elements.js";
import { mistake, signOf } from "./mistakes.js";
import { pluginName, traitsOf } from "./plugin.js";
import { workloadList } from "./workload_lists.js";

/** @typedef {import("./report.js").Report} Report */

/** Mistakes of a rule that are shown at once. */
const MOST_OPEN = 10;
/** How a reason begins that says so itself. */
const NOT_DECIDED = "not decided";

/** The rule that finds policies which are not read. */
const UNREAD_POLICY = "RF137";

/** @param {Report} report */
export function findingsView(report) {
  const { problems, assumptions, unread, workloads, findings, plugin, pending } = report.data;
  const found = report.findings();
  // A policy that is not read is also an assumption, and usually a mistake: it is listed once.
  const explained = found.flatMap(([{ rule, object }]) => rule === UNREAD_POLICY && object ? [`${object} (`] : []);
  const notRead = unread.filter((text) => !explained.some((beginning) => text.startsWith(beginning)));
  const beginnings = unread.map((text) => `${text} is not read`);
  const open = workloads.flatMap((_, number) =>
    report.acting(number, "ingress").some((policy) => !policy.tier) ? [] : [number],
  );
  const nothing = [
    problems.length ? "" : "The input has no problems.",
    unread.length ? "" : "All policies are read.",
    assumptions.length ? "" : "The answers assume nothing.",
    open.length || !workloads.length ? "" : "Every workload is isolated for ingress.",
  ].filter(Boolean);
  return h(
    "section",
    { class: "findings" },
    h("h1", {}, "Findings"),
    list("Problems of the input", problems.map(problem), "mistakes"),
    list("Policies that are not read", notRead.map((text) => h("li", {}, assumptions.find((one) => one.startsWith(`${text} is not read`)) ?? text))),
    found.length ? titled("Mistakes in policies", found.length + findings.more) : h("h2", {}, "Mistakes in policies"),
    pending ? h("p", { class: "quiet" }, "The cluster has changed. These are as they were before, and are being looked for again.") : null,
    found.length
      ? byRule(found).map((some) => group(report, some))
      : pending ? null : h("p", { class: "quiet" }, "No rule finds a mistake."),
    findings.more ? h("p", {}, `${counted(findings.more, "more item")}, which are not worse: `, h("code", {}, "ringfence lint"), " lists all.") : null,
    findings.skipped.map(({ rules, reason }) => h("p", { class: "quiet" }, `${rules.join(", ")}: ${reason.startsWith(NOT_DECIDED) ? "" : `${NOT_DECIDED}: `}${reason}.`)),
    found.length ? h("p", { class: "quiet" }, "Why each matters: ", h("code", {}, `ringfence lint --explain ${found[0][0].rule}`)) : null,
    plugin ? h("section", {}, h("h2", {}, `What ${pluginName(plugin)} changes`), traitsOf(plugin, "what passes here"), h("p", { class: "quiet" }, "The mistakes above are those of the policies as upstream means them. What pods to come could reach is not in this report.")) : null,
    list("What the answers assume", assumptions.filter((text) => !beginnings.some((one) => text.startsWith(one))).map((text) => h("li", {}, text))),
    open.length ? h("section", {}, titled("Workloads that no NetworkPolicy isolates for ingress", open.length), workloadList(report, open)) : null,
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
    h("summary", {}, h("span", { "aria-hidden": "true" }, signOf(first)), ` ${first.severity} ${first.rule} ${first.name}`, h("span", { class: "quiet" }, ` ${some.length}`)),
    h("ul", { class: "mistakes" }, some.map(([one, policy]) => mistake(report, one, policy, policy ? textOf(report, policy).text : ""))),
  );
}

/** @param {import("./report.js").Problem} one */
function problem({ severity, file, line, object, message, remedy }) {
  return h(
    "li",
    { class: severity },
    h("p", {}, h("strong", {}, severity), " ", object ? `${object}, ` : "", h("code", {}, line ? `${file}:${line}` : file)),
    h("p", {}, message),
    remedy ? h("p", { class: "quiet" }, `remedy: ${remedy}`) : null,
  );
}

/** @param {string} heading @param {HTMLElement[]} items @param {string} [style] */
function list(heading, items, style = "") {
  return items.length ? h("section", {}, titled(heading, items.length), h("ul", { class: style }, items)) : null;
}

/** @param {string} heading @param {number} count */
function titled(heading, count) {
  return h("h2", {}, heading, h("span", { class: "quiet" }, ` ${counted(count, "item")}`));
}
