// Why a connection is allowed or not: both sides, each with its policies and their rules, beside their YAML.

import { changeOf } from "./differences.js";
import { breakable, capital, counted, h, replace } from "./elements.js";
import { keepOf } from "./keep.js";
import { pluginOption } from "./plugin.js";
import { proofOf } from "./proof.js";
import { ALL, explainAgain, NOTHING, onlySome, OPEN } from "./reasons.js";
import { isWithin, OUTSIDE } from "./report.js";
import { go, isCourse, link } from "./route.js";
import { yamlOf } from "./yaml.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Rule} Rule */
/** @typedef {import("./report.js").Direction} Direction */
/** @typedef {number | typeof OUTSIDE} End */

/** Pairs of which the same holds that are listed. */
const MOST_PAIRS = 200;

/**
 * The panel about one connection; null if an end is not in the report.
 * @param {Report} report
 * @param {Element} panel
 * @param {string} sourceName
 * @param {string} destinationName
 */
export function explain(report, panel, sourceName, destinationName) {
  const source = end(report, sourceName);
  const destination = end(report, destinationName);
  if (source === null || destination === null) return false;
  const asks = source !== OUTSIDE && destination !== OUTSIDE ? report.data.simulation : undefined;
  const close = () => go(report.matrixView);
  const body = h("div", {});
  replace(
    panel,
    h(
      "header",
      {},
      h("h2", { id: "asked", tabindex: "-1" }, h("span", { class: "end" }, named(report, source)), " ", h("span", { class: "end" }, "→ ", named(report, destination))),
      h("button", { class: "close", onclick: close, "aria-label": "Close the explanation" }, "×"),
    ),
    body,
    asks && !report.data.plugin ? proofOf(sourceName, destinationName) : null, // the laboratory enforces as upstream means
    asks && !isCourse() ? keepOf(sourceName, destinationName, asks.edits.length > 0, pluginOption(report.data.plugin)) : null,
    others(report, source, destination),
    command(report, source, destination),
  );
  replace(
    body,
    verdict(report, source, destination),
    changeOf(report, source, destination),
    isExempt(report, source, destination)
      ? null
      : [side(report, "egress", source, destination), side(report, "ingress", destination, source)],
  );
  if (asks) {
    explainAgain(report, body, sourceName, destinationName).catch((error) => replace(body, String(error)));
  }
  return true;
}

/** Whether no policy counts. @param {Report} report @param {End} source @param {End} destination */
function isExempt(report, source, destination) {
  if (source === OUTSIDE || destination === OUTSIDE) return false;
  return report.isItself(source, destination) || report.isOnItsNode(source, destination);
}

/** @param {Report} report @param {string} name @returns {End | null} */
function end(report, name) {
  return name === OUTSIDE ? OUTSIDE : (report.byName.get(name) ?? null);
}

/** @param {Report} report @param {End} one */
function text(report, one) {
  return one === OUTSIDE ? "addresses outside the cluster" : report.name(one);
}

/** @param {Report} report @param {End} one */
function named(report, one) {
  if (one === OUTSIDE) return "outside the cluster";
  return h("a", { href: link("workload", report.name(one)) }, breakable(report.name(one)));
}

/** @param {Report} report @param {End} source @param {End} destination */
function verdict(report, source, destination) {
  if (source !== OUTSIDE && destination !== OUTSIDE) {
    if (report.isItself(source, destination)) {
      return h("p", { class: "verdict all" }, "✓ It is one pod, which always reaches itself.");
    }
    if (report.isOnItsNode(source, destination)) {
      return h("p", { class: "verdict all" }, "✓ A node always reaches the pods that run on it.");
    }
    const passing = report.between(source, destination);
    if (!passing) return h("p", { class: "verdict none" }, NOTHING);
    return h("p", { class: `verdict ${passing.all ? "all" : "some"}` }, passing.all ? ALL : onlySome(passing.text));
  }
  const number = source === OUTSIDE ? destination : source;
  if (number === OUTSIDE) return h("p", { class: "verdict" }, "Both are outside the cluster.");
  const found = report.outside(number, source === OUTSIDE ? "ingress" : "egress");
  if (!found.length) return h("p", { class: "verdict none" }, NOTHING);
  return h(
    "div",
    { class: "verdict some" },
    h("p", {}, source === OUTSIDE ? "◐ It may be reached from these addresses:" : "◐ It may reach these addresses:"),
    h("ul", {}, found.map(([addresses, traffic]) => h("li", {}, h("code", {}, addresses.text), ": ", traffic.text))),
  );
}

/**
 * One side: the policies that act on the subject, in the order in which they decide.
 * @param {Report} report
 * @param {Direction} direction
 * @param {End} subject
 * @param {End} peer
 */
function side(report, direction, subject, peer) {
  const heading = h("h3", {}, `${capital(direction)} of ${text(report, subject)}`);
  if (subject === OUTSIDE) {
    return h("section", { class: "side" }, heading, h("p", { class: "quiet" }, "Policies do not apply outside the cluster."));
  }
  if (report.data.workloads[subject].hostNetwork) {
    const why = "Its pods use their nodes' network, and policies do not apply to them.";
    return h("section", { class: "side" }, heading, h("p", { class: "quiet" }, why));
  }
  const acting = report.acting(subject, direction);
  if (!acting.length) {
    return h("section", { class: "side" }, heading, h("p", {}, OPEN));
  }
  const isMatching = (/** @type {Policy} */ policy) =>
    rulesOf(policy, direction).some((rule) => concerns(report, rule, peer) !== false);
  // Rules of administrators decide in their order; NetworkPolicies have none, so those that match come first.
  const ordered = acting.every((policy) => !policy.tier)
    ? [...acting.filter(isMatching), ...acting.filter((policy) => !isMatching(policy))]
    : acting;
  return h(
    "section",
    { class: "side" },
    heading,
    h("p", {}, acting.some(isMatching) ? `Rules match ${text(report, peer)}.` : `✗ No rule matches ${text(report, peer)}.`, labelsOf(report, peer)),
    ordered.map((policy) => card(report, policy, direction, peer, acting.length === 1 || isMatching(policy))),
  );
}

/** @param {Policy} policy @param {Direction} direction */
function rulesOf(policy, direction) {
  return (direction === "egress" ? policy.egress : policy.ingress) ?? [];
}

/** @param {Report} report @param {Policy} policy @param {Direction} direction @param {End} peer @param {boolean} open */
function card(report, policy, direction, peer, open) {
  const rules = rulesOf(policy, direction);
  const tier = policy.tier ? `, tier ${policy.tier}, priority ${policy.priority}` : "";
  return h(
    "article",
    { class: "card" },
    h("h4", {}, h("a", { href: link("policy", policy.kind, report.policyName(policy)) }, report.policyName(policy)), h("span", { class: "quiet" }, tier)),
    rules.length
      ? h("ol", { class: "rules" }, rules.map((rule) => step(report, rule, direction, peer)))
      : h("p", {}, `✗ It has no ${direction} rules, so it allows nothing.`),
    h("details", { open }, h("summary", {}, "YAML"), yamlOf(policy, marks(report, rules, peer), report.findingsIn(policy))),
  );
}

/** Whether a rule is about a peer; undefined for addresses, of which it may be about some. @param {Report} report @param {Rule} rule @param {End} peer */
function concerns(report, rule, peer) {
  if (peer === OUTSIDE) return rule.outside ? undefined : false;
  return isWithin(rule.subjects, report.data.workloads[peer].subject);
}

/** @param {Report} report @param {Rule[]} rules @param {End} peer @returns {import("./yaml.js").Marked[]} */
function marks(report, rules, peer) {
  return rules.flatMap((rule) => {
    if (rule.line === undefined || rule.endLine === undefined) return [];
    const kind = concerns(report, rule, peer) === false || rule.action === "deny" ? "not" : "allows";
    return [{ from: rule.line, to: rule.endLine, kind }];
  });
}

/** @param {Report} report @param {Rule} rule @param {Direction} direction @param {End} peer */
function step(report, rule, direction, peer) {
  const about = concerns(report, rule, peer);
  const sign = about === false ? "✗" : rule.action === "deny" ? "⛔" : rule.action === "pass" ? "↓" : "✓";
  const whom = direction === "egress" ? "to" : "from";
  const says = `${rule.action} ${rule.traffic} ${whom} ${rule.peers}`;
  const name = rule.name ? ` "${rule.name}"` : "";
  const outcome =
    about === false
      ? `does not match ${text(report, peer)}`
      : about === undefined
        ? "matches the addresses that it names"
        : `matches ${text(report, peer)}`;
  return h(
    "li",
    { class: about === false ? "rule not" : `rule ${rule.action}` },
    h("span", { class: "sign", "aria-hidden": "true" }, sign),
    h("span", {}, h("strong", {}, `${direction}[${rule.index}]${name}`), ` ${says}: `, h("em", {}, outcome)),
  );
}

/** The labels of a peer, to be compared with what the rules want. @param {Report} report @param {End} peer */
function labelsOf(report, peer) {
  if (peer === OUTSIDE) return null;
  const labels = Object.entries(report.data.workloads[peer].labels).map(([key, value]) => `${key}=${value}`);
  return h("span", { class: "quiet" }, labels.length ? ` It has ${labels.join(", ")}.` : " It has no labels.");
}

/** Other workloads of which the same holds. @param {Report} report @param {End} source @param {End} destination */
function others(report, source, destination) {
  const lists = [source, destination].map((one) => (one === OUTSIDE ? [] : report.classes[report.data.workloads[one].class]));
  const links = lists.flatMap((list, position) =>
    list.length < 2
      ? []
      : list
          .filter((number) => number !== source && number !== destination)
          .map((number) => {
            const ends = position === 0 ? [number, destination] : [source, number];
            const names = ends.map((one) => (one === OUTSIDE ? OUTSIDE : report.name(/** @type {number} */ (one))));
            return h("li", {}, h("a", { href: link("cell", ...names) }, ends.map((one) => text(report, one)).join(" → ")));
          }),
  );
  if (!links.length) return null;
  return h("details", { class: "same" }, h("summary", {}, `The same holds for ${counted(links.length, "more pair")}`), h("ul", {}, links.slice(0, MOST_PAIRS)), links.length > MOST_PAIRS ? h("p", { class: "quiet" }, `and ${counted(links.length - MOST_PAIRS, "more pair")}, which are not listed`) : null);
}

/** @param {Report} report @param {End} source @param {End} destination */
function command(report, source, destination) {
  const ends = [source, destination].map((one) => (one === OUTSIDE ? "internet" : report.name(one)));
  const words = `ringfence explain ${ends.join(" ")}${pluginOption(report.data.plugin)}`;
  const copied = h("span", { role: "status" });
  const copy = () => {
    navigator.clipboard?.writeText(words).then(() => replace(copied, "copied"), () => replace(copied, "not possible here: select the text"));
  };
  return h(
    "div",
    { class: "command" },
    h("p", { class: "quiet" }, "On the command line, with the smallest edit that reverses the answer:"),
    h("p", { class: "copied" }, h("code", {}, words), h("button", { onclick: copy }, "Copy"), copied),
  );
}
