// The policies, and one policy with its YAML, its rules and the workloads that it selects.

import { editorOf } from "./editor.js";
import { counted, h } from "./elements.js";
import { mistakesIn, signOf } from "./mistakes.js";
import { link } from "./route.js";
import { yamlOf } from "./yaml.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Direction} Direction */

/** @param {Report} report */
export function policiesView(report) {
  const { policies } = report.data;
  const heads = ["policy", "kind", "selects", "ingress rules", "egress rules", "findings", "place"];
  return h(
    "section",
    {},
    h("h1", {}, "Policies"),
    policies.length ? null : h("p", {}, "There are no policies: everything is allowed."),
    h(
      "div",
      { class: "wide" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, policies.map((policy) => row(report, policy))),
      ),
    ),
  );
}

/** @param {Report} report @param {Policy} policy */
function row(report, policy) {
  const selected = report.workloadsOf(policy.selects).length;
  const found = report.findingsIn(policy);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: link("policy", policy.kind, report.policyName(policy)) }, report.policyName(policy))),
    h("td", {}, policy.kind + (policy.tier ? `, ${policy.tier} ${policy.priority}` : "")),
    h("td", { class: selected ? "" : "loud" }, selected ? counted(selected, "workload") : "nobody"),
    h("td", {}, rules(policy.ingress)),
    h("td", {}, rules(policy.egress)),
    h("td", {}, found.length ? found.map((one) => `${signOf(one)} ${one.rule}`).join(", ") : ""),
    h("td", { class: "quiet" }, policy.file ? `${policy.file}:${policy.line}` : ""),
  );
}

/** @param {unknown[] | undefined} list */
function rules(list) {
  return list === undefined ? "not affected" : list.length || "none: all denied";
}

/** @param {Report} report @param {string} kind @param {string} name */
export function policyView(report, kind, name) {
  const policy = report.data.policies.find((one) => one.kind === kind && report.policyName(one) === name);
  if (!policy) return null;
  const selected = report.workloadsOf(policy.selects);
  const found = report.data.simulation ? [] : report.findingsIn(policy); // the editor has them below the text
  return h(
    "section",
    { class: "policy" },
    h("h1", {}, name),
    h("p", {}, `${policy.kind}, about ${policy.subject}.`),
    h(
      "div",
      { class: "beside" },
      h("div", {}, found.length ? [h("h2", {}, "Findings"), mistakesIn(policy, policy.yaml, found)] : null, described(policy, "ingress"), described(policy, "egress"), h("h2", {}, `Selects ${counted(selected.length, "workload")}`), h("ul", {}, selected.map((number) => h("li", {}, h("a", { href: link("workload", report.name(number)) }, report.name(number)))))),
      report.data.simulation ? editorOf(report, policy) : yamlOf(policy, [], found),
    ),
  );
}

/** @param {Policy} policy @param {Direction} direction */
function described(policy, direction) {
  const list = direction === "ingress" ? policy.ingress : policy.egress;
  const whom = direction === "ingress" ? "from" : "to";
  return [
    h("h2", {}, direction),
    list === undefined
      ? h("p", { class: "quiet" }, `It does not affect ${direction}.`)
      : list.length
        ? h("ol", { start: "0" }, list.map((rule) => h("li", {}, `${rule.action} ${rule.traffic} ${whom} ${rule.peers}`)))
        : h("p", {}, "It has no rules, so nothing is allowed."),
  ];
}
