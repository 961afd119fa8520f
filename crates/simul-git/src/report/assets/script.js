"use strict";
(() => {
  // Sorting: a button in each head; the first click puts the largest number, or the first word, on top.
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const shown = Number(table.dataset.shown);
    if (body.rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("num") || body.rows[0].cells[column].dataset.v !== undefined;
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : numeric;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = [...body.rows].map((row) => {
          const cell = row.cells[column];
          return { row, key: numeric ? Number(cell.dataset.v) : cell.textContent };
        });
        keyed.sort((a, b) => (numeric ? a.key - b.key : words.compare(a.key, b.key)) * (down ? -1 : 1));
        keyed.forEach(({ row }, at) => row.classList.toggle("more", at >= shown));
        body.append(...keyed.map(({ row }) => row));
      });
    });
  }

  // Finding one among many repositories.
  const table = document.getElementById("t-repositories");
  const each = [...document.querySelectorAll(".each details")];
  if (table && table.tBodies[0].rows.length > 8) {
    const rows = [...table.tBodies[0].rows];
    const box = document.createElement("label");
    box.className = "filter";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Find a repository or owner";
    input.setAttribute("aria-label", input.placeholder);
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    box.append(input, count);
    document.getElementById("repositories").after(box);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let found = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        if (!row.hidden) found += 1;
      }
      for (const one of each) one.hidden = !one.textContent.toLowerCase().includes(wanted);
      table.classList.toggle("filtered", wanted !== "");
      count.textContent = wanted ? `${found} of ${rows.length}` : "";
    });
  }

  // Tooltips that also answer to a tap: the titles of the pictures, shown at once.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  let current = null;
  for (const title of document.querySelectorAll("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const show = (event) => {
    const target = event.target.closest ? event.target.closest("[data-tip]") : null;
    if (current && current !== target) current.classList.remove("on");
    current = target;
    tip.hidden = !target;
    if (!target) return;
    target.classList.add("on");
    tip.textContent = target.dataset.tip;
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(event.clientX - width / 2, 8), window.innerWidth - width - 8);
    const above = event.clientY - height - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : event.clientY + 18}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
