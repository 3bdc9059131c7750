// What all pages share: the header, the footer with what computes, and status lines.

import { devices } from "hadal";

const PAGES = [["search.html", "Search"], ["digits.html", "Digits"], ["inspector.html", "Inspector"], ["benchmark.html", "Benchmark"]];

const here = location.pathname.split("/").pop();
const links = PAGES.map(([page, name]) => `<a href="${page}"${page === here ? ' aria-current="page"' : ""}>${name}</a>`).join("");
document.querySelector("header").innerHTML = `<a class="skip" href="#content">To the content</a><a class="name" href="index.html">Hadal</a><nav class="row" style="margin:0" aria-label="Demos">${links}</nav>`;

/** Says something in a page's status line; an error in its own words. */
export function say(element, what) {
  const bad = what instanceof Error;
  element.classList.toggle("bad", bad);
  element.textContent = bad ? what.message : what;
}

/** Bytes for people. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  return `${(bytes / 1000 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
}

/** Shows how far a load is in a `<progress>` and a status line. */
export function follow(bar, line) {
  bar.hidden = false;
  return ({ phase, loaded, total, warning }) => {
    if (warning !== undefined) say(line, warning);
    else say(line, phase === "prepare" ? "Preparing …" : `Loading ${size(loaded)}${total > 0 ? ` of ${size(total)}` : ""} …`);
    if (phase === "prepare") bar.removeAttribute("value");
    else if (total > 0) bar.value = loaded / total;
  };
}

/** What computes here; the page does not wait for it. */
async function describe() {
  const found = await devices();
  const lines = found.map((info) => {
    if (!info.available) return `${info.backend}: ${info.reason?.split("\n")[0]}`;
    const { count, reason } = info.threads ?? {};
    const threads = count === undefined ? "" : `, ${count} thread${count === 1 ? "" : "s"} (${reason})`;
    return `${info.backend}: ${info.devices.map((device) => device.name).join(", ")}${threads}`;
  });
  document.querySelector("footer").textContent = lines.join(" · ");
}

void describe().catch((error) => say(document.querySelector("footer"), error));
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("offline.js").catch(() => undefined);
