"use strict";

// Tables of class "sortable": a click on a heading sorts by it, another one turns the order round.
// A cell's data-value counts in place of its text. What is no number stays at the end.
(() => {
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.value ?? cell.textContent).trim();
  };

  const compare = (one, other, numeric) => {
    if (!numeric) return one.localeCompare(other, undefined, { numeric: true });
    return Number(one) - Number(other) || 0; // of two infinities the difference is not a number
  };

  const isNumber = (key) => key !== "" && !Number.isNaN(Number(key));

  const sort = (table, column, rising) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => ({ row, key: keyOf(row, column) }));
    const numeric = keyed.some(({ key }) => isNumber(key));
    const usable = ({ key }) => (numeric ? isNumber(key) : key !== "");
    const kept = keyed.filter(usable);
    kept.sort((a, b) => (rising ? 1 : -1) * compare(a.key, b.key, numeric));
    const rest = keyed.filter((entry) => !usable(entry));
    body.append(...[...kept, ...rest].map(({ row }) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const rising = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
        sort(table, column, rising);
      });
    });
  }

  for (const select of document.querySelectorAll("select.filter")) {
    const table = document.getElementById(select.dataset.table);
    const column = Number(select.dataset.column);
    select.addEventListener("change", () => {
      for (const row of table.tBodies[0].rows) {
        row.hidden = select.value !== "" && keyOf(row, column) !== select.value;
      }
    });
  }
})();
