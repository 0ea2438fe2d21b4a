// The local page only: why a connection is allowed or not, as the engine explains it, and the edit that reverses it.

import { textOf } from "./editor.js";
import { capital, counted, h, replace } from "./elements.js";
import { ask, edit } from "./live.js";
import { pluginName, traitsOf } from "./plugin.js";
import { link } from "./route.js";
import { yamlOf } from "./yaml.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Direction} Direction */
/** @typedef {import("./live.js").Answer} Answer */
/** @typedef {import("./live.js").ReasonedSide} ReasonedSide */
/** @typedef {import("./live.js").ReasonedPolicy} ReasonedPolicy */
/** @typedef {import("./live.js").ReasonedRule} ReasonedRule */

/**
 * Put the reasons of the engine in place of what an element has.
 * @param {Report} report
 * @param {HTMLElement} place
 * @param {string} source
 * @param {string} destination
 */
export async function explainAgain(report, place, source, destination) {
  const answer = await ask(source, destination);
  if (!place.isConnected) return;
  replace(
    place,
    h("p", { class: `verdict ${answer.result}` }, verdict(answer)),
    side(report, "egress", source, answer.egress),
    side(report, "ingress", destination, answer.ingress),
    proposal(report, place, source, destination, answer),
    answer.plugin ? [h("h3", {}, `What ${pluginName(answer.plugin)} changes`), traitsOf(answer.plugin, "this answer")] : null,
    answer.assumptions.length ? h("details", {}, h("summary", {}, counted(answer.assumptions.length, "assumption")), h("ul", {}, answer.assumptions.map((text) => h("li", {}, text)))) : null,
  );
}

export const ALL = "✓ All traffic may pass.";
export const OPEN = "✓ No policy isolates it, so everything is allowed.";
export const NOTHING = "✗ Nothing may pass.";

/** @param {string} traffic */
export function onlySome(traffic) {
  return `◐ Only ${traffic} may pass.`;
}

/** @param {Answer} answer */
function verdict({ result, traffic }) {
  if (result === "all") return ALL;
  if (result === "none") return NOTHING;
  return onlySome((traffic ?? []).map(({ protocol, ports }) => `${protocol} ${ports}`).join("; "));
}

/** @param {Report} report @param {Direction} direction @param {string} subject @param {ReasonedSide} reasons */
function side(report, direction, subject, { allowed, exempt, policies }) {
  const summary = exempt ? `✓ ${capital(exempt)}.` : !policies.length ? OPEN : allowed ? "✓ Allowed." : "✗ Denied.";
  return h("section", { class: "side" }, h("h3", {}, `${capital(direction)} of ${subject}`), h("p", {}, summary), policies.map((policy) => card(report, direction, policy)));
}

/** @param {Report} report @param {Direction} direction @param {ReasonedPolicy} reasons */
function card(report, direction, { kind = "NetworkPolicy", namespace, name, tier, rules }) {
  const full = namespace ? `${namespace}/${name}` : name;
  const policy = report.data.policies.find((one) => one.kind === kind && report.policyName(one) === full);
  const marked = rules.flatMap(({ line, matches, allows }) => (line ? [{ from: line, to: line, kind: matches && allows ? /** @type {const} */ ("allows") : /** @type {const} */ ("not") }] : []));
  return h(
    "article",
    { class: "card" },
    h("h4", {}, h("a", { href: link("policy", kind, full) }, full), tier ? h("span", { class: "quiet" }, `, tier ${tier}`) : null),
    rules.length
      ? h("ol", { class: "rules" }, rules.map((rule) => step(direction, rule)))
      : h("p", {}, `✗ It has no ${direction} rules, so it allows nothing.`),
    policy ? h("details", { open: rules.some(({ matches }) => matches) }, h("summary", {}, "YAML"), yamlOf({ ...policy, yaml: textOf(report, policy).text }, marked, report.findingsIn(policy))) : null,
  );
}

/** @param {Direction} direction @param {ReasonedRule} rule */
function step(direction, { index, name, matches, allows, reason, peers, hints = [] }) {
  const details = [...peers.filter((peer) => !peer.matches).map((peer) => `${direction === "ingress" ? "from" : "to"}[${peer.index}]: ${peer.reason}`), ...hints.map((hint) => `hint: ${hint}`)];
  return h(
    "li",
    { class: matches ? "rule" : "rule not" },
    h("span", { class: "sign", "aria-hidden": "true" }, allows ? "✓" : "✗"),
    h("span", {}, h("strong", {}, `${direction}[${index}]${name ? ` "${name}"` : ""}`), `: ${reason}`, details.map((text) => h("div", { class: "quiet" }, text))),
  );
}

/** @param {Report} report @param {HTMLElement} place @param {string} source @param {string} destination @param {Answer} answer */
function proposal(report, place, source, destination, { result, edits, applied, sideEffects }) {
  if (!edits.length) return null;
  const said = h("span", { role: "status" });
  const apply = async () => {
    const known = applied.filter(({ kind, namespace, name }) => report.data.policies.some((one) => one.kind === kind && one.namespace === namespace && one.name === name));
    if (known.length < applied.length) {
      replace(said, "It adds a policy: write it into a file of its own.");
      return;
    }
    for (const one of known) await edit(report, one, one.text);
    await explainAgain(report, place, source, destination);
  };
  const others = sideEffects.opens.length + sideEffects.closes.length;
  return h(
    "section",
    { class: "card" },
    h("h3", {}, `The smallest edit that would ${result === "none" ? "allow" : "forbid"} it`),
    edits.flatMap(({ action, lines }) => [h("p", {}, lines.length ? `${capital(action)}:` : `${capital(action)}.`), lines.length ? h("pre", { tabindex: "0", role: "group", "aria-label": "The lines of the edit" }, lines.join("\n")) : null]),
    h("p", { class: "quiet" }, others ? `It also changes ${counted(others, "other connection")}.` : "Nothing else changes."),
    h("p", {}, h("button", { onclick: apply }, "Apply it in this page"), " ", said),
  );
}
