// What has been done: a line in the header, which stays when the page is drawn again.

import { h, replace } from "./elements.js";

/** The line, for the header. */
export const notice = h("p", { class: "notice", role: "status" });

/** Say what has been done, until one goes on. @param {string} text */
export function say(text) {
  replace(notice, text);
}

addEventListener("hashchange", () => replace(notice));
