// The text of a policy, which is edited in the local page: what is wrong with it, and what it would change.

import { counted, h, replace } from "./elements.js";
import { edit, presentPlace, save } from "./live.js";
import { mistakesIn } from "./mistakes.js";
import { say } from "./notice.js";
import { isCourse, link } from "./route.js";
import { table } from "./tables.js";

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
      onscroll: () => { numbers.scrollTop = area.scrollTop; },
      onkeydown: indent,
    })
  );
  area.defaultValue = present.text; // it differs from the value as soon as one has typed
  const numbers = h("div", { class: "numbers", "aria-hidden": "true" });
  const edited = h("div", { class: "edited" }, area, policy.generated ? null : numbers);
  let isAsking = false;
  let isTyped = false;

  /** Ask about the text at once; what is typed until the answer comes is asked about together, after it. */
  async function later() {
    number();
    isTyped = true;
    if (isAsking) return;
    isAsking = true;
    while (isTyped) {
      isTyped = false;
      await send();
    }
    isAsking = false;
  }

  /** Number the lines as in the file, as the problems do. */
  function number() {
    if (policy.generated) return;
    const last = policy.line + area.value.split("\n").length - 1;
    if (numbers.dataset.last === String(last)) return;
    numbers.dataset.last = String(last);
    edited.style.setProperty("--digits", String(String(last).length));
    replace(numbers, Array.from({ length: last - policy.line + 1 }, (_, at) => policy.line + at).join("\n"));
    numbers.scrollTop = area.scrollTop;
  }

  /** Select a line of the text. @param {number} line */
  function goTo(line) {
    const lines = area.value.split("\n");
    const at = Math.min(Math.max(line - policy.line, 0), lines.length - 1);
    const start = lines.slice(0, at).reduce((sum, text) => sum + text.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + lines[at].length);
    area.scrollTop = Math.max(0, at - 5) * (area.scrollHeight / lines.length);
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
        h("li", { class: severity }, policy.generated ? `line ${line}` : h("button", { class: "to-line", onclick: () => goTo(line) }, `line ${line}`), `: ${message}`, remedy ? h("div", { class: "quiet" }, `remedy: ${remedy}`) : null),
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

  number();
  show(present.problems);
  return h(
    "section",
    { class: "editor", "aria-label": "Edit" },
    h("p", { class: "quiet" }, "What you type changes nothing but this page. Escape, then Tab, leaves the text."),
    edited,
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
      ? table(
          ["Change", "From", "To", "Traffic"],
          rows.flatMap((row) => [...(row.opens ? [line(report, "▲ opened", row, row.opens)] : []), ...(row.closes ? [line(report, "▼ closed", row, row.closes)] : [])]),
        )
      : null,
  );
}

/** @param {Report} report @param {string} what @param {{source: string, destination: string}} row @param {string} traffic */
function line(report, what, { source, destination }, traffic) {
  const isCell = [source, destination].every((one) => report.byName.has(one));
  return [what, source, destination, isCell ? h("a", { href: link("cell", source, destination) }, traffic) : traffic];
}
