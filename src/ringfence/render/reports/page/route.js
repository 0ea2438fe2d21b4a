// The place in the report, which is kept in the address: a link to a cell or a policy can be mailed, and "back" works.

/** @param {...string} parts */
export function link(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/** The parts of the address. */
export function route() {
  const hash = location.hash.replace(/^#\/?/, "");
  try {
    return hash.split("/").map(decodeURIComponent);
  } catch {
    return [""];
  }
}

/** @param {...string} parts */
export function go(...parts) {
  location.hash = link(...parts);
}
