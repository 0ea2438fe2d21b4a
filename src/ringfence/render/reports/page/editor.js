// The text of a policy, which is edited in the local page: what is wrong with it, and what it would change.

import { counted, h, replace } from "./elements.js";
import { edit, presentPlace, save } from "./live.js";
import { mistakesIn } from "./mistakes.js";
import { say } from "./notice.js";
import { isCourse, link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Problem} Problem */

/** The text of a policy with the edits. @param {Report} report @param {Policy} policy */
export function textOf(report, policy) {
  return report.editOf(policy) ?? { text: policy.yaml, problems: /** @type {Problem[]} */ ([]) };
}

/** @param {Report} report @param {Policy} policy */
export function editorOf(report, policy) {
  const present = textOf(report, policy);
  const place = presentPlace();
  const problems = h("ul", { class: "problems", id: "problems" });
  const mistakes = h("div", {});
  const effects = h("div", { class: "effects", role: "status" });
  const said = h("span", { role: "status" });
  const area = /** @type {HTMLTextAreaElement} */ (
    h("textarea", {
      class: "lines",
      spellcheck: "false",
      rows: Math.min(40, Math.max(12, present.text.split("\n").length + 2)),
      "aria-label": `YAML of ${policy.name}`,
      "aria-describedby": "problems",
      oninput: later,
      onkeydown: indent,
    })
  );
  area.defaultValue = present.text; // it differs from the value as soon as one has typed
  let isAsking = false;
  let isTyped = false;

  /** Ask about the text at once; what is typed until the answer comes is asked about together, after it. */
  async function later() {
    isTyped = true;
    if (isAsking) return;
    isAsking = true;
    while (isTyped) {
      isTyped = false;
      await send();
    }
    isAsking = false;
  }

  async function send() {
    const text = area.value;
    try {
      const found = await edit(report, policy, text, place);
      if (area.value === text) show(found);
    } catch (error) {
      replace(said, String(error));
    }
  }

  /** @param {Problem[]} found */
  function show(found) {
    area.setAttribute("aria-invalid", String(found.some(({ severity }) => severity === "error")));
    replace(
      problems,
      found.map(({ line, severity, message, remedy }) =>
        h("li", { class: severity }, `line ${line}: ${message}`, remedy ? h("div", { class: "quiet" }, `remedy: ${remedy}`) : null),
      ),
    );
    const mine = isCourse() ? [] : report.findingsIn(policy); // a lesson is about one thing at a time
    replace(mistakes, mine.length ? [h("h2", {}, counted(mine.length, "finding")), mistakesIn(policy, area.value, mine, put)] : null);
    const said = changesText(report);
    if (said === effects.firstChild?.textContent) return; // screen readers would say it again with each key
    replace(effects, said, " ", report.data.simulation?.edits.length ? h("a", { href: link("changes") }, "Show all changes") : null);
  }

  async function write() {
    if (!confirm(`Write this text into ${policy.file}? The rest of the file stays as it is.`)) return;
    try {
      say(`saved: ${await save(policy, area.value)}`);
    } catch (error) {
      replace(said, String(error));
    }
  }

  /** Replace the text. @param {string} text */
  function put(text) {
    area.value = text;
    void later();
  }

  /** Two spaces for Tab, as YAML needs them; Escape and then Tab leaves the text. @param {KeyboardEvent} event */
  function indent(event) {
    if (event.key === "Escape") area.dataset.leaving = "true";
    else if (event.key === "Tab" && !event.shiftKey && !area.dataset.leaving) {
      event.preventDefault();
      area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
      void later();
    } else if (event.key !== "Tab") delete area.dataset.leaving;
  }

  show(present.problems);
  return h(
    "section",
    { class: "editor", "aria-label": "Edit" },
    h("p", { class: "quiet" }, "What you type changes nothing but this page. Escape, then Tab, leaves the text."),
    area,
    problems,
    mistakes,
    effects,
    h(
      "p",
      {},
      policy.generated || !policy.file ? null : h("button", { onclick: write }, "Save to the file"),
      " ",
      h("button", { onclick: () => put(policy.yaml) }, "Discard the edit"),
      " ",
      said,
    ),
  );
}

/** What all edits open and close. @param {Report} report */
export function changesText(report) {
  const simulation = report.data.simulation;
  if (!simulation?.edits.length) return "No policy is edited.";
  const { opened, closed, edits } = simulation;
  const invalid = edits.filter(({ problems }) => problems.some(({ severity }) => severity === "error")).length;
  const counts = opened || closed ? `opens ${opened}, closes ${closed}` : "nothing changes between the workloads";
  return `${counted(edits.length, "policy", "policies")} edited: ${counts}${invalid ? `; ${invalid} with errors, which do not count` : ""}.`;
}

/** All that the edits open and close. @param {Report} report */
export function changesView(report) {
  const simulation = report.data.simulation;
  const rows = [...(simulation?.pairs ?? []), ...(simulation?.outside ?? [])];
  return h(
    "section",
    {},
    h("h1", {}, "Changes"),
    h("p", {}, changesText(report)),
    h("ul", {}, (simulation?.edits ?? []).map(({ kind, namespace, name }) => h("li", {}, h("a", { href: link("policy", kind, namespace ? `${namespace}/${name}` : name) }, namespace ? `${namespace}/${name}` : name)))),
    rows.length
      ? h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["", "from", "to", "traffic"].map((text) => h("th", { scope: "col" }, text || h("span", { class: "hidden" }, "change"))))),
          h("tbody", {}, rows.flatMap((row) => [row.opens && line("▲ opened", row, row.opens), row.closes && line("▼ closed", row, row.closes)])),
        )
      : null,
  );
}

/** @param {string} what @param {{source: string, destination: string}} row @param {string} traffic */
function line(what, { source, destination }, traffic) {
  return h("tr", {}, h("td", {}, what), h("td", {}, source), h("td", {}, destination), h("td", {}, traffic));
}
