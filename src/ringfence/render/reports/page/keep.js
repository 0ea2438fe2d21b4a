// The local page only: what passes in a cell is kept as a test in a file.

import { h, replace } from "./elements.js";
import { keep, proposeTests } from "./live.js";
import { say } from "./notice.js";

/** @typedef {import("./live.js").ProposedTests} ProposedTests */

/**
 * A button that shows the tests of a cell, and writes them into a file.
 * @param {string} source
 * @param {string} destination
 * @param {boolean} isEdited whether the edits that are in force are not saved
 * @param {string} option what `ringfence test` needs, to judge as this page does
 */
export function keepOf(source, destination, isEdited, option) {
  const shown = h("div", {});
  const said = h("p", { role: "status" });

  async function show() {
    try {
      const proposed = await proposeTests(source, destination);
      replace(shown, h("pre", { tabindex: "0", "aria-label": "The tests" }, proposed.text), proposed.files.length ? choice(proposed) : copyIt());
      replace(said);
    } catch (error) {
      replace(said, String(error));
    }
  }

  /** @param {ProposedTests} proposed */
  function choice({ text, files, folders }) {
    const file = /** @type {HTMLInputElement} */ (h("input", { class: "file", list: "test-files", value: files[0], spellcheck: "false", "aria-label": "File of the tests" }));
    const write = async () => {
      if (!confirm(`Add this to ${file.value}? What is in the file stays as it is.`)) return;
      try {
        const kept = await keep({ source, destination, text, file: file.value });
        replace(shown);
        replace(said);
        say(`The tests were added to ${kept}. ringfence test ${folders.join(" ")}${option} checks them.`);
      } catch (error) {
        replace(said, String(error));
      }
    };
    return [
      h("p", {}, file, h("datalist", { id: "test-files" }, files.map((name) => h("option", { value: name })))),
      isEdited ? h("p", { class: "loud" }, "Edits are in force that are not saved: until they are, these tests fail.") : null,
      h("p", {}, h("button", { onclick: write }, "Add it to the file")),
    ].filter((one) => one !== null);
  }

  return h(
    "section",
    { class: "card keep", "aria-label": "Test" },
    h("p", {}, h("button", { onclick: show }, "Keep this as a test"), " ", h("span", { class: "quiet" }, "what is allowed and what is not, for ringfence test")),
    shown,
    said,
  );
}

function copyIt() {
  return h("p", { class: "quiet" }, "Copy it into a file. With --tests FOLDER, ringfence ui writes it into one.");
}
