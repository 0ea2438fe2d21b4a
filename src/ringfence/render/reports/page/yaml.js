// YAML with numbered lines, of which some are marked.

import { h } from "./elements.js";
import { signOf } from "./mistakes.js";

/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Finding} Finding */
/** @typedef {{from: number, to: number, kind: "allows" | "not"}} Marked */

/**
 * The text of a policy. Marked lines have a sign beside the colour, and lines with a mistake say which.
 * @param {Policy} policy
 * @param {Marked[]} marked
 * @param {Finding[]} [found]
 */
export function yamlOf(policy, marked, found = []) {
  const lines = policy.yaml.split("\n").map((text, index) => {
    const number = policy.line + index;
    const mark = marked.find(({ from, to }) => from <= number && number <= to);
    return h(
      "div",
      { class: mark ? `line ${mark.kind}` : "line" },
      h("span", { class: "sign", "aria-hidden": "true" }, mark && number === mark.from ? (mark.kind === "allows" ? "✓" : "✗") : ""),
      policy.generated ? null : h("span", { class: "number", "aria-hidden": "true" }, number),
      h("code", {}, coloured(text)),
      policy.generated ? null : found.filter(({ line }) => line === number).map((one) => h("span", { class: `flag ${one.severity}`, title: one.message }, `${signOf(one)} ${one.rule}`)),
    );
  });
  const place = policy.file && !policy.generated ? `${policy.file}:${policy.line}` : policy.file ?? "";
  const figure = h(
    "figure",
    { class: "yaml" },
    h("figcaption", {}, place),
    h("div", { class: "lines", tabindex: "0", role: "group", "aria-label": `YAML of ${policy.name}` }, lines),
  );
  figure.style.setProperty("--digits", String(String(policy.line + lines.length - 1).length));
  return figure;
}

/** Keys, strings and comments. @param {string} text */
function coloured(text) {
  const [, indent, key, rest] = /^(\s*(?:- )*)([\w./-]+(?=:(?:\s|$)))?(.*)$/s.exec(text) ?? ["", "", undefined, text];
  const comment = /(^|\s)#.*$/.exec(rest ?? "");
  const value = comment ? rest.slice(0, comment.index) : rest;
  return [
    indent,
    key && h("span", { class: "key" }, key),
    value,
    comment && h("span", { class: "comment" }, comment[0]),
    text === "" && "\n",
  ];
}
