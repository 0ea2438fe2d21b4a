// One box for workloads, labels, policies, ports and addresses.

import { h, replace } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {{text: string, what: string, href: string}} Found */

const MOST = 12;

/** @param {Report} report @param {AbortSignal} signal ends what listens in the page */
export function searchBox(report, signal) {
  const options = h("ul", { id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  let chosen = -1;
  /** @type {Found[]} */
  let found = [];
  let hasMore = false;
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "search",
      id: "search",
      role: "combobox",
      autocomplete: "off",
      "aria-controls": "found",
      "aria-expanded": "false",
      "aria-label": "Search for a workload, label, policy, port or address",
      placeholder: "Search   /",
      oninput: () => show(0),
      onkeydown: key,
      onblur: () => setTimeout(() => close(), 150),
    })
  );

  /** @param {number} index */
  function show(index) {
    const all = input.value.trim() ? find(report, input.value.trim()) : [];
    found = all.slice(0, MOST);
    hasMore = all.length > MOST;
    chosen = found.length ? Math.min(Math.max(index, 0), found.length - 1) : -1;
    options.hidden = !input.value.trim();
    input.setAttribute("aria-expanded", String(!options.hidden));
    if (chosen >= 0) input.setAttribute("aria-activedescendant", `found-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    replace(
      options,
      found.map(({ text, what, href }, number) =>
        h(
          "li",
          { id: `found-${number}`, role: "option", "aria-selected": String(number === chosen), onmousedown: () => open(href) },
          text,
          h("span", { class: "quiet" }, ` ${what}`),
        ),
      ),
      found.length || options.hidden ? null : told("nothing found"),
      hasMore ? told("There are more: type more of the name.") : null,
    );
  }

  /** @param {string} href */
  function open(href) {
    location.hash = href;
    input.value = "";
    close();
    input.blur();
  }

  function close() {
    options.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    if (event.key === "ArrowDown") show(chosen + 1);
    else if (event.key === "ArrowUp") show(chosen - 1);
    else if (event.key === "Enter" && chosen >= 0) open(found[chosen].href);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      input.focus();
    }
  }, { signal });
  return h("div", { class: "search" }, input, options);
}

/** A line of the list that cannot be chosen. @param {string} text */
function told(text) {
  return h("li", { role: "option", class: "quiet", "aria-selected": "false", "aria-disabled": "true" }, text);
}

/**
 * What a text may mean, the best first: names that are the text, then those that begin with it, then those that have it,
 * then labels. Of several words, all must be there.
 * @param {Report} report
 * @param {string} query
 * @returns {Found[]}
 */
function find(report, query) {
  const { data } = report;
  const words = query.toLowerCase().split(/\s+/);
  const has = (/** @type {string} */ text) => words.every((word) => text.toLowerCase().includes(word));
  const rankOf = (/** @type {string} */ name) => (name.toLowerCase() === words[0] ? 0 : name.toLowerCase().startsWith(words[0]) ? 1 : 2);
  /** @type {(Found & {rank: number})[]} */
  const found = [];
  data.workloads.forEach((workload, number) => {
    const name = report.name(number);
    const label = Object.entries(workload.labels).map(([key, value]) => `${key}=${value}`).find(has);
    if (has(name)) found.push({ text: name, what: "workload", href: link("workload", name), rank: rankOf(workload.name) });
    else if (label) found.push({ text: name, what: label, href: link("workload", name), rank: 3 });
  });
  for (const policy of data.policies) {
    const name = report.policyName(policy);
    if (has(name)) found.push({ text: name, what: policy.kind, href: link("policy", policy.kind, name), rank: rankOf(policy.name) });
  }
  found.sort((one, other) => one.rank - other.rank);
  return found.length < MOST ? [...found, ...connections(report, has)] : found;
}

/** Connections by their ports, and addresses: as many as are shown, and one more. @param {Report} report @param {(text: string) => boolean} has @returns {Found[]} */
function connections(report, has) {
  /** @type {Found[]} */
  const found = [];
  const { traffic, workloads } = report.data;
  const ports = new Set(traffic.flatMap(({ short, all }, number) => (!all && has(short) ? [number] : [])));
  report.classes.forEach((members, place) => {
    const source = report.name(members[0]);
    for (const [destination, passing] of report.passing[place]) {
      if (found.length > MOST) return;
      if (!ports.has(passing)) continue;
      const other = report.classes[destination].find((number) => number !== members[0]);
      if (other === undefined) continue;
      const reached = report.name(other);
      found.push({ text: `${source} → ${reached}`, what: traffic[passing].text, href: link("cell", source, reached) });
    }
  });
  workloads.forEach((_, number) => {
    for (const direction of /** @type {const} */ (["ingress", "egress"])) {
      for (const [addresses] of report.outside(number, direction)) {
        if (found.length > MOST || !has(addresses.text)) continue;
        const name = report.name(number);
        const ends = direction === "ingress" ? [OUTSIDE, name] : [name, OUTSIDE];
        found.push({ text: addresses.text, what: `${direction} of ${name}`, href: link("cell", ...ends) });
      }
    }
  });
  return found;
}
