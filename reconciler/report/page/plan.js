"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const SOME = 100;
  const FEW = 4;
  const [DECISION, RISK, KIND, ACCOUNT, PROFILE, SAME, COST, CHARGE] = [0, 1, 2, 3, 4, 5, 6, 8];

  for (const each of document.querySelectorAll(".tools, .bar, .copy")) each.hidden = false;

  // ---- light and dark, copying, help -------------------------------------------------
  const root = document.documentElement;
  const kept = (value) => {
    try {
      if (value) localStorage.setItem("reconciler-theme", value);
      return localStorage.getItem("reconciler-theme");
    } catch { return null; }
  };
  if (kept()) root.dataset.theme = kept();
  $("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    kept(root.dataset.theme);
    say(`${root.dataset.theme} theme`);
  });
  const say = (words) => { $("said").textContent = words; };
  const byHand = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { byHand(button.dataset.copy); }
    button.focus();
    button.textContent = "Copied";
    say("copied");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  $("keys").addEventListener("click", () => $("help").showModal());

  const list = $("list");
  if (!list) return;

  // ---- the rows: markup in a <noscript>, numbers in the index ---------------------------
  const index = JSON.parse($("index").textContent);
  const whole = $("all").textContent.replace(/<!--g-->[^]*?<!--\/g-->/g, "").split("<!--r-->");
  const frame = whole[0];
  const rows = whole.slice(1, -1);
  const marks = { amp: "&", lt: "<", gt: ">", "#34": '"', "#39": "'" };
  const plain = (markup) => markup.replace(/<[^>]*>/g, " ").replace(/&(amp|lt|gt|#34|#39);/g, (_, name) => marks[name]);
  let words = null;
  const searched = () => (words ??= rows.map((row) => plain(row).replace(/\s+/g, " ").toLowerCase()));
  (window.requestIdleCallback || setTimeout)(searched);

  const opened = new Set();
  const turned = new Set();
  let shown = rows.map((_, at) => at);
  let items = [];
  let drawn = 0;
  let table = null;

  // An amount is followed by the number of its currency.
  const total = (some, column) => {
    const totals = new Map();
    for (const at of some) {
      const row = index.rows[at];
      if (row[column]) totals.set(row[column + 1], (totals.get(row[column + 1]) || 0) + row[column]);
    }
    return [...totals].map(([currency, much]) =>
      `${(much / 1000).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 3 })} ${index.currencies[currency]}`).join(" + ");
  };
  const sum = (some) => {
    const charge = total(some, CHARGE);
    return [total(some, COST), charge && `clients pay ${charge}`].filter(Boolean).join(", ");
  };
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  // ---- filter and group ------------------------------------------------------------------
  const filter = () => {
    const wanted = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const columns = [...document.querySelectorAll(".bar select[data-column]")]
      .filter((select) => select.value !== "").map((select) => [Number(select.dataset.column), Number(select.value)]);
    const texts = wanted.length ? searched() : null;
    shown = [];
    for (let at = 0; at < rows.length; at += 1) {
      if (columns.every(([column, value]) => index.rows[at][column] === value)
        && (!texts || wanted.every((word) => texts[at].includes(word)))) shown.push(at);
    }
    arrange();
    draw(SOME);
    const cost = sum(shown);
    $("count").textContent = shown.length === rows.length
      ? `${count(rows.length, "action")}${cost ? `, ${cost}` : ""}`
      : `${shown.length.toLocaleString("en")} of ${count(rows.length, "action")}${cost ? `, ${cost}` : ""}`;
  };

  const title = (by, key, some) => {
    if (by === SAME) return index.same[key];
    const names = { [DECISION]: index.decisions, [RISK]: index.risks, [KIND]: index.kinds, [ACCOUNT]: index.accounts, [PROFILE]: index.profiles };
    const name = names[by][key] || "in no profile";
    return by === RISK && name === "none" ? "no risk" : name;
  };

  const arrange = () => {
    items = [];
    if ($("by").value === "") {
      for (const at of shown) items.push({ at });
      return;
    }
    const by = Number($("by").value);
    const groups = new Map();
    for (const at of shown) {
      const key = index.rows[at][by];
      if (groups.has(key)) groups.get(key).push(at); else groups.set(key, [at]);
    }
    for (const [key, some] of groups) {
      if (by === SAME && some.length === 1) { items.push({ at: some[0] }); continue; }
      const id = `${by}:${key}`;
      const open = (some.length <= FEW) !== turned.has(id);
      items.push({ id, open, some, title: title(by, key, some) });
      if (open) for (const at of some) items.push({ at, inside: true });
    }
  };

  // ---- draw: some at a time, more when they are needed --------------------------------------
  const heading = ({ id, open, some, title: words }) => {
    const body = document.createElement("tbody");
    body.className = "g";
    const cell = document.createElement("th");
    cell.colSpan = 5;
    cell.scope = "rowgroup";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "group";
    button.dataset.group = id;
    button.setAttribute("aria-expanded", String(open));
    const cost = sum(some);
    const size = document.createElement("span");
    size.className = "size";
    size.textContent = count(some.length, "action");
    button.append(size, ` ${words}${cost ? `, ${cost}` : ""}`);
    cell.append(button);
    body.insertRow().append(cell);
    return body;
  };

  const made = (some) => {
    const template = document.createElement("template");
    template.innerHTML = `<table>${some.map(({ at }) => rows[at]).join("")}</table>`;
    const bodies = [...template.content.firstChild.tBodies];
    bodies.forEach((body, number) => {
      const { at, inside } = some[number];
      body.dataset.at = at;
      if (inside) body.classList.add("in");
      const head = body.rows[0].cells[1];
      const button = document.createElement("button");
      button.type = "button";
      button.className = "row";
      button.append(...head.childNodes);
      head.append(button);
      turn(body, opened.has(at));
    });
    return bodies;
  };

  const turn = (body, open) => {
    body.classList.toggle("open", open);
    body.querySelector(".row").setAttribute("aria-expanded", String(open));
  };

  const append = (number) => {
    const next = items.slice(drawn, drawn + number);
    const bodies = made(next.filter((item) => !item.id));
    for (const item of next) table.append(item.id ? heading(item) : bodies.shift());
    drawn += next.length;
    const left = items.length - drawn;
    $("more").hidden = left <= 0;
    $("more").firstChild.textContent = `Show more (${left.toLocaleString("en")} left)`;
  };

  const draw = (number) => {
    const template = document.createElement("template");
    template.innerHTML = `${frame}</table>`;
    table = template.content.firstChild;
    drawn = 0;
    append(number);
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "No action matches. Esc clears the filter.";
    list.replaceChildren(items.length ? table : empty);
  };

  const more = () => append(SOME);
  $("more").firstChild.addEventListener("click", () => {
    const last = stops().length;
    more();
    stops()[last]?.focus();
  });
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) more(); }, { rootMargin: "600px" })
    .observe($("more"));

  // ---- what a person does --------------------------------------------------------------------
  const flip = (body) => {
    const at = Number(body.dataset.at);
    const open = !opened.has(at);
    if (open) opened.add(at); else opened.delete(at);
    turn(body, open);
  };
  list.addEventListener("click", (event) => {
    const group = event.target.closest(".group");
    if (group) {
      const { group: id } = group.dataset;
      if (turned.has(id)) turned.delete(id); else turned.add(id);
      arrange();
      draw(Math.max(SOME, drawn));
      list.querySelector(`[data-group="${CSS.escape(id)}"]`).focus();
      return;
    }
    const head = event.target.closest(".a > tr:first-child");
    if (head && String(getSelection()) === "") flip(head.parentNode);
  });
  $("find").addEventListener("input", filter);
  // Leaving the text field is a change too, of nothing: what has the focus must stay.
  $("bar").addEventListener("change", (event) => { if (event.target !== $("find")) filter(); });
  $("bar").addEventListener("submit", (event) => event.preventDefault());
  $("bar").addEventListener("reset", () => setTimeout(filter));
  for (const card of document.querySelectorAll("[data-decision]")) {
    card.addEventListener("click", () => {
      $("bar").reset();
      $("decision").value = String(index.decisions.indexOf(card.dataset.decision));
      setTimeout(filter);
    });
  }

  const stops = () => [...list.querySelectorAll(".row, .group")];
  const step = (by) => {
    const all = stops();
    const here = all.indexOf(document.activeElement);
    if (here === all.length - 1 && by > 0 && drawn < items.length) { more(); step(by); return; }
    const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest", behavior: "auto" });
  };
  const escape = () => {
    const body = document.activeElement.closest?.(".a.open");
    if (body) { flip(body); return; }
    if ($("find").value || [...$("bar").elements].some((one) => one.dataset.column && one.value)) {
      $("bar").reset();
      setTimeout(filter);
    }
    document.activeElement.blur();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (event.key === "Escape") { escape(); return; }
    const typing = event.target.matches("input, select, textarea");
    if (typing) {
      if (event.target.id === "find" && (event.key === "Enter" || event.key === "ArrowDown")) { event.preventDefault(); step(1); }
      return;
    }
    const inside = event.target.closest?.("#list");
    const acts = {
      "/": () => { $("find").focus(); $("find").select(); },
      "?": () => $("help").showModal(),
      j: () => step(1),
      k: () => step(-1),
      ...(inside && { ArrowDown: () => step(1), ArrowUp: () => step(-1) }),
    }[event.key];
    if (acts) { event.preventDefault(); acts(); }
  });
  addEventListener("beforeprint", () => {
    turned.clear();
    for (const item of items) if (item.id && !item.open) turned.add(item.id);
    arrange();
    draw(items.length);
  });

  filter();
})();
