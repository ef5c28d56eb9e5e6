"use strict";

// Tables: a click on a title sorts the lines, numbers from the largest, words from A to Z.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const titles = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.by === undefined ? cell.textContent.trim() : Number(cell.dataset.by);
  };
  titles.forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const numeric = [...body.rows].some((row) => row.cells[column].dataset.by !== undefined);
      const now = title.getAttribute("aria-sort");
      const falling = now === null ? numeric : now === "ascending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const sign = falling ? -1 : 1;
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        const [emptyA, emptyB] = [a === "", b === ""]; // empty cells stay at the bottom
        if (emptyA || emptyB) return emptyA - emptyB;
        if (typeof a === "number" && typeof b === "number") return sign * (a - b);
        return sign * String(a).localeCompare(String(b), "en", { numeric: true });
      });
      body.append(...rows);
    });
  });
}

// Tables that are wider than the page: a hint above them, and a fade where they continue.
for (const box of document.querySelectorAll(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "more";
  hint.textContent = "scrolls sideways →";
  const update = () => {
    const wide = box.scrollWidth > box.clientWidth + 1;
    const more = wide && box.scrollLeft + box.clientWidth < box.scrollWidth - 1;
    if (wide && !hint.isConnected) box.before(hint);
    if (!wide) hint.remove();
    box.toggleAttribute("data-more", more);
  };
  box.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(box);
  update();
}

// Episodes: one at a time, of the chosen kind.
const pager = document.getElementById("pager");
if (pager) {
  const episodes = [...pager.querySelectorAll(".episode")];
  const place = pager.querySelector("[data-place]");
  const filters = [...pager.querySelectorAll("[data-kind]")];
  let chosen = episodes;
  let at = 0;
  const show = () => {
    episodes.forEach((episode) => { episode.hidden = episode !== chosen[at]; });
    place.textContent = `${at + 1} of ${chosen.length}`;
  };
  const step = (by) => {
    at = (at + by + chosen.length) % chosen.length;
    show();
  };
  for (const filter of filters) {
    filter.addEventListener("click", () => {
      filters.forEach((other) => other.setAttribute("aria-pressed", String(other === filter)));
      const kind = filter.dataset.kind;
      chosen = episodes.filter((episode) => !kind || episode.dataset.kinds.split(",").includes(kind));
      at = 0;
      show();
    });
  }
  for (const button of pager.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  }
  document.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { top, bottom } = pager.getBoundingClientRect();
    const away = bottom < 0 || top > window.innerHeight; // the keys are not meant for the pager
    if (by === undefined || away || event.altKey || event.ctrlKey || event.metaKey || event.target.closest(".scroll")) return;
    event.preventDefault();
    step(by);
  });
  pager.querySelector(".controls").hidden = false;
  show();
}
