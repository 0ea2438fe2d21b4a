// The policies, and one policy with its YAML, its rules and the workloads that it selects.

import { editorOf } from "./editor.js";
import { breakable, capital, counted, h } from "./elements.js";
import { mistakesIn, signOf } from "./mistakes.js";
import { link } from "./route.js";
import { table } from "./tables.js";
import { workloadList } from "./workload_lists.js";
import { yamlOf } from "./yaml.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Direction} Direction */

/** @param {Report} report */
export function policiesView(report) {
  const { policies } = report.data;
  if (!policies.length) return h("section", {}, h("h1", {}, "Policies"), h("p", {}, "There are no policies: everything is allowed."));
  const hasKinds = policies.some(({ kind }) => kind !== "NetworkPolicy");
  const heads = ["Policy", ...(hasKinds ? ["Kind"] : []), "Selects", "Ingress", "Egress", "Findings", "File"];
  return h("section", {}, h("h1", {}, "Policies"), table(heads, policies.map((policy) => row(report, policy, hasKinds))));
}

/** @param {Report} report @param {Policy} policy @param {boolean} hasKinds whether there are policies of several kinds */
function row(report, policy, hasKinds) {
  const selected = report.workloadsOf(policy.selects).length;
  /** @type {Map<string, string>} */
  const found = new Map(report.findingsIn(policy).map((one) => [one.rule, `${signOf(one)} ${one.rule} ${one.name}`]));
  return [
    h("a", { href: link("policy", policy.kind, report.policyName(policy)) }, report.policyName(policy)),
    ...(hasKinds ? [policy.kind + (policy.tier ? `, tier ${policy.tier}, priority ${policy.priority}` : "")] : []),
    selected ? counted(selected, "workload") : h("span", { class: "loud" }, "no workload"),
    rules(policy.ingress),
    rules(policy.egress),
    [...found.values()].map((text) => h("div", {}, text)),
    policy.file ? h("span", { class: "quiet" }, `${policy.file}:${policy.line}`) : null,
  ];
}

/** @param {unknown[] | undefined} list */
function rules(list) {
  if (list === undefined) return "not affected";
  return list.length ? counted(list.length, "rule") : "no rule: all denied";
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
    h("h1", {}, breakable(name)),
    h("p", {}, `${policy.kind} for ${policy.subject}.`),
    h(
      "div",
      { class: "beside" },
      h("div", {}, report.data.simulation ? h("p", { class: "quiet" }, "These are its rules without what is edited in this page.") : null, found.length ? [h("h2", {}, "Findings"), mistakesIn(policy, policy.yaml, found)] : null, described(policy, "ingress"), described(policy, "egress"), h("h2", {}, selected.length ? `Selects ${counted(selected.length, "workload")}` : "Selects no workload"), workloadList(report, selected)),
      report.data.simulation ? editorOf(report, policy) : yamlOf(policy, [], found),
    ),
  );
}

/** @param {Policy} policy @param {Direction} direction */
function described(policy, direction) {
  const list = direction === "ingress" ? policy.ingress : policy.egress;
  const whom = direction === "ingress" ? "from" : "to";
  return [
    h("h2", {}, capital(direction)),
    list === undefined
      ? h("p", { class: "quiet" }, `It does not affect ${direction}.`)
      : list.length
        ? h("ol", { start: "0" }, list.map((rule) => h("li", {}, `${rule.action} ${rule.traffic} ${whom} ${rule.peers}`)))
        : h("p", {}, "It has no rules, so nothing is allowed."),
  ];
}
