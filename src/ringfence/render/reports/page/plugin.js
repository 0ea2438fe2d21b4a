// The network plugin that is assumed to enforce the policies, and what it makes of them.

import { h } from "./elements.js";

/** @typedef {import("./report.js").Plugin} Plugin */

/** @param {Plugin} plugin */
export function pluginName({ title, version }) {
  return version ? `${title} ${version}` : title;
}

/** The option of commands that names a plugin; empty for one that is known from a file. @param {Plugin | undefined} plugin */
export function pluginOption(plugin) {
  if (!plugin?.name) return "";
  const settings = Object.entries(plugin.settings).map(([key, value]) => `${key}=${value}`).join(",");
  return ` --plugin ${plugin.name}${plugin.version ? `@${plugin.version}` : ""}${settings ? `:${settings}` : ""}`;
}

/** What a plugin does that changes an answer. @param {Plugin} plugin @param {string} answer */
export function traitsOf(plugin, answer) {
  if (!plugin.traits.length) return h("p", { class: "quiet" }, `Nothing that ${pluginName(plugin)} does otherwise than upstream says changes ${answer}.`);
  return h(
    "ul",
    {},
    plugin.traits.map(({ text, topic, value, confidence, source, note }) =>
      h("li", {}, text, h("span", { class: "quiet" }, ` (${topic}=${value}; ${confidence}${source ? `: ${source}` : ""})`), note ? h("div", { class: "quiet" }, note) : null),
    ),
  );
}
