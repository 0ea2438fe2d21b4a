// One workload: who may reach it, what it may reach, and which policies act on it.

import { breakable, capital, h } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { link } from "./route.js";
import { table } from "./tables.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Direction} Direction */
/** @typedef {{name: string, traffic: string, href: string}} Reached */

/** @param {Report} report @param {number} number */
export function workloadView(report, number) {
  const labels = Object.entries(report.data.workloads[number].labels);
  return h(
    "section",
    { class: "workload" },
    h("h1", {}, breakable(report.name(number))),
    h("p", { class: "quiet" }, labels.length ? labels.map(([key, value]) => `${key}=${value}`).join(", ") : "no labels"),
    h(
      "div",
      { class: "focus" },
      h("div", {}, h("h2", {}, "May be reached from"), reached(report, number, "ingress")),
      h("div", { class: "middle" }, h("h2", {}, "Policies that act on it"), acting(report, number, "ingress"), acting(report, number, "egress")),
      h("div", {}, h("h2", {}, "May reach"), reached(report, number, "egress")),
    ),
    exposure(report, number),
  );
}

/** @param {Report} report @param {number} number @param {Direction} direction */
function acting(report, number, direction) {
  const policies = report.acting(number, direction);
  const isolated = policies.some((policy) => !policy.tier);
  const open = policies.length ? "No NetworkPolicy isolates it: what these do not decide is allowed." : "Not isolated: everything is allowed.";
  return [
    h("h3", {}, capital(direction)),
    h("p", { class: policies.length ? "" : "loud" }, isolated ? "Isolated: only what these allow may pass." : report.data.workloads[number].hostNetwork ? "Not isolated: it uses its node's network." : open),
    h(
      "ul",
      {},
      policies.map((policy) =>
        h("li", {}, h("a", { href: link("policy", policy.kind, report.policyName(policy)) }, report.policyName(policy)), policy.tier ? ` (${policy.tier})` : ""),
      ),
    ),
  ];
}

/** Those at the other end, by namespace. @param {Report} report @param {number} number @param {Direction} direction */
function reached(report, number, direction) {
  /** @type {Map<string, Reached[]>} */
  const found = new Map();
  report.data.workloads.forEach((_, other) => {
    const [source, destination] = direction === "ingress" ? [other, number] : [number, other];
    const passing = report.between(source, destination);
    if (!passing) return;
    const namespace = report.namespace(other);
    const list = found.get(namespace) ?? [];
    list.push({ name: report.shortNames[other], traffic: passing.text, href: link("cell", report.name(source), report.name(destination)) });
    found.set(namespace, list);
  });
  const outside = report.outside(number, direction);
  if (outside.length) {
    const href = direction === "ingress" ? link("cell", OUTSIDE, report.name(number)) : link("cell", report.name(number), OUTSIDE);
    found.set("outside the cluster", outside.map(([addresses, traffic]) => ({ name: addresses.text, traffic: traffic.text, href })));
  }
  if (!found.size) return h("p", {}, direction === "ingress" ? "No workload and no address." : "Nothing.");
  return [...found].map(([namespace, list]) =>
    h(
      "details",
      { open: list.length <= 25 },
      h("summary", {}, namespace, h("span", { class: "quiet" }, ` ${list.length}`)),
      h("ul", { class: "ends" }, list.map(({ name, traffic, href }) => h("li", {}, h("a", { href }, name), h("span", { class: "traffic" }, traffic)))),
    ),
  );
}

/** @param {Report} report @param {number} number */
function exposure(report, number) {
  const { pending } = report.data;
  if (!report.data.exposure) return pending ? [h("h2", {}, "Pods that do not exist yet"), h("p", { class: "quiet" }, "What they could reach is being computed.")] : null;
  const rows = report.data.exposure
    .filter(({ workloads }) => workloads.includes(number))
    .flatMap(({ direction, lines }) => lines.map(([whom, traffic]) => [whom, direction, traffic]));
  return [
    h("h2", {}, "Pods that do not exist yet"),
    pending ? h("p", { class: "quiet" }, "This is as it was before the last change, and is being computed.") : null,
    h("p", {}, rows.length ? "Which pods could connect to it (ingress), and to which it could connect (egress), if somebody creates them; and addresses outside the cluster." : "No pod that somebody creates could connect to it, and it could connect to none."),
    rows.length ? table(["Possible pods and addresses", "Direction", "Traffic"], rows) : null,
  ];
}
