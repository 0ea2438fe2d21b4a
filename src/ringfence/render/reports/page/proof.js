// The local page only: what real packets do between two pods of a cell.

import { h, replace } from "./elements.js";
import { prove } from "./live.js";
import { table } from "./tables.js";

/** @typedef {import("./live.js").Proof} Proof */
/** @typedef {import("./live.js").Probe} Probe */

/**
 * A button that runs the laboratory for a cell, and what it found.
 * @param {string} source
 * @param {string} destination
 */
export function proofOf(source, destination) {
  const found = h("div", { role: "status" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { onclick: run }, "Prove it with real packets"));

  async function run() {
    button.disabled = true;
    replace(found, h("p", { class: "quiet" }, "The laboratory is being built…"));
    try {
      const proof = await prove(source, destination);
      replace(found, outcome(proof), proof.probes.length ? probed(proof.probes) : null);
    } catch (error) {
      replace(found, h("p", {}, String(error)));
    } finally {
      button.disabled = false;
    }
  }

  return h(
    "section",
    { class: "card proof", "aria-label": "Proof" },
    h("p", {}, button, " ", h("span", { class: "quiet" }, "between two pods in network namespaces of this machine, with the edits in force")),
    found,
  );
}

/** @param {Proof} proof */
function outcome({ agrees, unproven }) {
  if (unproven) return h("p", {}, `It could not be proven: ${unproven}.`);
  return agrees
    ? h("p", { class: "verdict all" }, "✓ The kernel says the same.")
    : h("p", { class: "verdict none" }, "✗ The kernel contradicts the engine. Please report it, with the policies.");
}

/** @param {Probe[]} probes */
function probed(probes) {
  return table(
    ["Port", "Engine", "Packets"],
    probes.map(({ protocol, port, expected, observed }) => [
      `${protocol} ${port}`,
      expected ? "allowed" : "denied",
      `${observed ? "answered" : "no answer"}${observed === expected ? "" : " ✗"}`,
    ]),
  );
}
