"use strict";
// Sorting and filtering. All numbers stand in the page: nothing is computed but ranks.
(() => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const table = get("ranking");
  const body = table.tBodies[0];
  const fixed = Array.from(body.rows).filter((row) => row.dataset.method === undefined);
  const rows = Array.from(body.rows).filter((row) => row.dataset.method !== undefined);
  const heads = Array.from(table.tHead.rows[0].cells);
  const track = get("track"), stratum = get("stratum"), policy = get("policy");
  const DASH = "\u2013";
  let sorted = { column: 0, down: false };

  const text = (value, digits) => {
    if (value === null) return DASH;
    const shown = value.toFixed(digits);
    return Number(shown) === 0 ? shown.replace("-", "") : shown;
  };

  const span = (name, content) => {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = content;
    return part;
  };

  // A cell is [mean, low, high, cases with a value, cases].
  const fill = (place, [mean, low, high, defined, total], digits) => {
    place.dataset.value = mean === null ? "" : String(mean);
    if (!total) return place.replaceChildren(span("none", "n/a"));
    const bold = document.createElement("b");
    bold.textContent = text(mean, digits);
    const parts = [bold];
    if (low !== null) parts.push(" ", span("ci", `[${text(low, digits)}, ${text(high, digits)}]`));
    parts.push(" ", span("n", `${defined}/${total}`));
    return place.replaceChildren(...parts);
  };

  const badness = (mean, better) => {
    if (mean === null) return Infinity;
    return better === "higher" ? -mean : better === "lower" ? mean : Math.abs(mean);
  };

  // Among the methods shown; equal means share a rank, undefined ones are last.
  const rank = (cells) => {
    const by = data.rank_by;
    const shown = rows.filter((row) => !row.hidden && cells[row.dataset.method][by][4]);
    const bad = (row) => badness(cells[row.dataset.method][by][0], data.columns[by].better);
    for (const row of rows) row.cells[0].dataset.value = "";
    for (const row of shown) {
      row.cells[0].dataset.value = String(1 + shown.filter((other) => bad(other) < bad(row)).length);
    }
    for (const row of rows) row.cells[0].textContent = row.cells[0].dataset.value || DASH;
  };

  const key = (row, column) => row.cells[column].dataset.value;

  const compare = (a, b, column, down) => {
    const [x, y] = [key(a, column), key(b, column)];
    // What is not there is last in either direction.
    if (x === "" || y === "") return (x === "") - (y === "");
    const words = heads[column].dataset.kind === "text";
    const order = words ? (x < y ? -1 : x > y ? 1 : 0) : Number(x) - Number(y);
    return down ? -order : order;
  };

  const sort = () => {
    const { column, down } = sorted;
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const order = rows.slice().sort(
      (a, b) => compare(a, b, column, down) || a.dataset.method - b.dataset.method,
    );
    body.append(...fixed, ...order);
  };

  const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  const update = () => {
    const cells = data.tables[policy.value][stratum.value];
    for (const row of rows) {
      const i = row.dataset.method;
      row.hidden = track.value !== "" && data.tracks[i] !== track.value;
      data.columns.forEach((column, k) => {
        fill(row.querySelector(`[data-column="${k}"]`), cells[i][k], column.digits);
      });
    }
    for (const row of fixed) {
      row.hidden = policy.value !== data.policy || stratum.value !== data.stratum;
    }
    rank(cells);
    sort();
    const part = data.strata[stratum.value];
    const shown = rows.filter((row) => !row.hidden).length;
    get("said").textContent =
      `${plural(shown, "method")}, ranked among these; ${part.name}: ${plural(part.cases, "case")} ` +
      `of ${plural(part.patients, "patient")}. Policy ${policy.value}: ` +
      `${data.policies[policy.value]}.${part.note ? ` NOTE: ${part.note}.` : ""}`;
  };

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const same = sorted.column === column;
      sorted = { column, down: same ? !sorted.down : head.dataset.kind === "down" };
      sort();
    });
  });
  const form = get("filters");
  form.hidden = false;
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(update));

  // A link into what is folded opens it.
  const unfold = () => {
    const target = location.hash.length > 1 ? get(decodeURIComponent(location.hash.slice(1))) : null;
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.querySelector("summary").focus();
    }
  };
  addEventListener("hashchange", unfold);

  // Paper cannot be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
  // Browsers restore what was chosen before a reload.
  update();
  unfold();
})();
