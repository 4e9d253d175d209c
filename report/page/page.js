"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const root = document.documentElement;

  // Theme: the system's choice until a person makes another; a sandbox may refuse to remember it.
  const remember = (value) => { try { return value ? localStorage.setItem("stellwerk-theme", value) : localStorage.getItem("stellwerk-theme"); } catch { return null; } };
  const button = document.getElementById("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `${button.textContent} colours`); };
  if (["dark", "light"].includes(remember())) root.dataset.theme = remember();

  // In the cell of a notebook: its colours, and as high as the page is. A sandboxed frame knows of none, and stays as it is.
  const cell = (() => { try { return frameElement; } catch { return null; } })();
  if (cell && location.protocol === "about:") {
    const around = cell.ownerDocument;
    const told = [around.body.dataset.jpThemeLight, around.documentElement.getAttribute("theme"), ...around.body.classList];
    if (told.some((word) => ["false", "dark", "vscode-dark", "vscode-high-contrast"].includes(word))) root.dataset.theme = "dark";
    else root.dataset.theme = "light";
    const fit = () => { cell.style.height = `${Math.min(900, Math.max(160, document.body.offsetHeight + 2))}px`; };
    new ResizeObserver(fit).observe(document.body);
  }
  if (button) {
    button.hidden = false;
    name();
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; remember(root.dataset.theme); name(); });
  }

  // Links inside the page, also where the page is the srcdoc of a frame and a fragment would leave it.
  all('a[href^="#"]').forEach((link) => link.addEventListener("click", (event) => {
    const target = document.getElementById(link.hash.slice(1));
    if (!target || location.protocol !== "about:") return;
    event.preventDefault();
    target.scrollIntoView();
  }));

  // The section in view is marked in the navigation.
  const links = new Map(all("nav li a").map((link) => [link.hash.slice(1), link]));
  const heads = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const bar = document.querySelector("nav ul");
  let current = null;
  const spy = () => {
    const passed = heads.filter((head) => head.getBoundingClientRect().top < innerHeight * 0.3);
    const atEnd = scrollY > 0 && scrollY + innerHeight >= root.scrollHeight - 2;
    const link = links.get((atEnd ? heads.at(-1) : passed.at(-1) || heads[0]).id);
    if (link === current) return;
    current?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    current = link;
    bar.scrollLeft = link.offsetLeft - bar.clientWidth / 3;
  };
  let due = false;
  if (bar) addEventListener("scroll", () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; spy(); }); } }, { passive: true });
  if (bar) spy();

  // Sorting: numbers by data-value, text as written; rows without a value stay at the end, the whole split at the top.
  const value = (row, index) => {
    const cell = row.cells[index];
    if (!("value" in cell.dataset)) return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  all("table[data-sortable]").forEach((table) => all("thead th", table).forEach((head, index) => {
    const press = document.createElement("button");
    press.type = "button";
    press.append(...head.childNodes);
    head.append(press);
    press.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("num");
      all("th", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [row.classList.contains("whole"), value(row, index), row]);
      rows.sort(([first, a], [second, b]) => second - first || (a === null) - (b === null) || (a === null ? 0 : down ? compare(b, a) : compare(a, b)));
      body.append(...rows.map(([, , row]) => row));
    });
  }));

  // Filtering: every word must be there.
  all("input[data-filter]").forEach((input) => {
    const items = all(input.dataset.filter).map((item) => [item, (item.dataset.text || item.cells[0].textContent).toLowerCase()]);
    const told = all("[data-count]").find((note) => note.dataset.count === input.dataset.filter);
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      items.forEach(([item, text]) => { item.hidden = !words.every((word) => text.includes(word)); shown += !item.hidden; });
      told.textContent = `${shown.toLocaleString("en")} of ${items.length.toLocaleString("en")}`;
    };
    input.addEventListener("input", filter);
    if (input.value) filter();
  });

  // Copying a digest; where the clipboard is out of reach the digest is shown whole and selected.
  document.addEventListener("click", async (event) => {
    const digest = event.target.closest("[data-copy]");
    if (!digest) return;
    try {
      await navigator.clipboard.writeText(digest.dataset.copy);
      digest.dataset.copied = "copied";
      setTimeout(() => delete digest.dataset.copied, 1500);
    } catch {
      digest.textContent = digest.dataset.copy;
      getSelection().selectAllChildren(digest);
    }
  });

  // Paper has no folds.
  addEventListener("beforeprint", () => all("details").forEach((fold) => { fold.open = true; }));
})();
