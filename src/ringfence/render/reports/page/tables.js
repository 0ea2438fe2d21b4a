// Tables: their heads stay in view, and on a narrow screen each row is a card.

import { h } from "./elements.js";

/** @typedef {import("./elements.js").Child} Child */

/**
 * A table. The first cell of each row names it.
 * @param {string[]} heads
 * @param {(Child | Child[])[][]} rows
 */
export function table(heads, rows) {
  return h(
    "table",
    { class: "rows" },
    h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      rows.map(([name, ...cells]) =>
        h("tr", {}, h("th", { scope: "row" }, ...several(name)), cells.map((cell, number) => h("td", { "data-head": heads[number + 1] }, ...several(cell)))),
      ),
    ),
  );
}

/** @param {Child | Child[]} cell */
function several(cell) {
  return Array.isArray(cell) ? cell : [cell];
}
