"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("conversations");
  if (!list) return;

  // Texts go in as text alone: names come from models and configurations.
  const make = (tag, options = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(options)) {
      if (key === "text") node.textContent = value;
      else if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };
  const usd = (value) =>
    value === null || value === undefined ? "?" :
    `$${value >= 1 || value === 0 ? value.toFixed(2) : value.toFixed(4)}`;
  const when = (seconds) =>
    new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const known = (tier) => (data.tiers.includes(tier) ? tier : "unknown");
  const plural = (count, noun) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
  const mistakes = (c) => c.too_weak + c.too_strong;
  const outcome = (c) =>
    c.accepted === null ? "not judged" : c.accepted ? "accepted" : "rejected";

  const filters = {
    text: make("input", { type: "search", placeholder: "id, model or reason", "aria-label": "Search" }),
    outcome: choice("Outcome", ["any outcome", "accepted", "rejected", "not judged"]),
    tier: choice("Tier", ["any tier", ...data.tiers]),
    order: choice("Order", ["latest first", "most spent first", "most mistakes first"]),
    wrong: make("input", { type: "checkbox" }),
  };
  function choice(label, values) {
    return make("select", { "aria-label": label }, ...values.map((v) => make("option", { text: v })));
  }
  document.getElementById("filters").append(
    filters.text, filters.outcome, filters.tier, filters.order,
    make("label", {}, filters.wrong, " with mistakes"));
  for (const field of Object.values(filters)) field.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      filters.text.focus();
    }
  });

  function fits(c) {
    const turns = c.list || [];
    const text = filters.text.value.trim().toLowerCase();
    if (filters.wrong.checked && !mistakes(c)) return false;
    if (filters.outcome.selectedIndex && outcome(c) !== filters.outcome.value) return false;
    if (filters.tier.selectedIndex && !turns.some((t) => t.tier === filters.tier.value)) return false;
    return !text || c.conversation_id.toLowerCase().includes(text) ||
      turns.some((t) => [t.model || "", ...t.why].some((s) => s.toLowerCase().includes(text)));
  }

  const PAGE = 25;
  let limit = PAGE;
  function show(event) {
    if (event) limit = PAGE;
    const found = data.conversations.filter(fits);
    const order = filters.order.selectedIndex;
    if (order === 1) found.sort((a, b) => b.cost - a.cost);
    if (order === 2) found.sort((a, b) => mistakes(b) - mistakes(a));
    const cost = found.reduce((sum, c) => sum + c.cost, 0);
    document.getElementById("shown").textContent =
      `${found.length} of ${plural(data.conversations.length, "conversation")}: ${usd(cost)}`;
    list.replaceChildren(...found.slice(0, limit).map(row));
    if (found.length > limit) {
      const more = make("button", { class: "more", text: `Show ${Math.min(PAGE, found.length - limit)} more` });
      more.addEventListener("click", () => { limit += PAGE; show(); });
      list.append(more);
    }
  }

  function row(c) {
    const head = make("button", { class: "row", "aria-expanded": "false" },
      make("span", { class: "id", text: c.conversation_id.slice(0, 8) }),
      make("span", { class: "when", text: when(c.last) }),
      strip(c),
      make("span", { class: "cost", text: c.calls === c.unpriced ? "not known" : usd(c.cost) }),
      make("span", { class: "note alone", text: c.alone === null ? "" : `${usd(c.alone)} alone` }),
      make("span", { class: `badge ${outcome(c).replace(" ", "-")}`, text: outcome(c) }),
      mistakes(c) ? make("span", { class: "badge wrong", text: plural(mistakes(c), "mistake") }) : null);
    const item = make("div", { class: "conversation" }, head);
    head.addEventListener("click", () => {
      const open = head.getAttribute("aria-expanded") === "true";
      head.setAttribute("aria-expanded", String(!open));
      if (open) item.lastChild.remove();
      else item.append(turns(c));
    });
    return item;
  }

  const SVG = "http://www.w3.org/2000/svg";
  function strip(c) {
    const shown = (c.list || []).filter((t) => t.turn !== null);
    const node = document.createElementNS(SVG, "svg");
    node.setAttribute("class", "strip");
    node.setAttribute("viewBox", `0 0 ${Math.max(shown.length, 1)} 10`);
    node.setAttribute("preserveAspectRatio", "none");
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", plural(c.turns, "turn"));
    shown.forEach((t, i) => {
      const cell = document.createElementNS(SVG, "rect");
      const wrong = t.failed || t.error;
      cell.setAttribute("x", i + 0.06);
      cell.setAttribute("width", 0.88);
      cell.setAttribute("y", 0);
      cell.setAttribute("height", wrong ? 7 : 10);
      cell.setAttribute("class", known(t.tier));
      node.append(cell);
    });
    return node;
  }

  function turns(c) {
    const box = make("div", { class: "turns" });
    box.append(make("p", { class: "note", text:
      `${c.conversation_id}: ${plural(c.turns, "turn")}, ${plural(c.calls, "call")}` }));
    if (!c.list) {
      box.append(make("p", { text: "Its turns are not in this page." }),
        make("code", { text: `tiered-router report --conversation ${c.conversation_id} --html one.html` }));
      return box;
    }
    const body = make("tbody");
    const names = ["turn", "tier", "model", "cost", "alone", "cached", "seconds", "what came of it"];
    const table = make("table", { class: "calls" },
      make("thead", {}, make("tr", {}, ...names.map((n) => make("th", { text: n })))), body);
    for (const t of c.list) body.append(...call(t));
    box.append(make("div", { class: "scroll" }, table));
    return box;
  }

  function result(t) {
    const said = [];
    if (t.answered === false) said.push(`failed: ${t.error || "no answer"}`);
    else if (t.answered === null) said.push("no outcome yet");
    if (t.requests > 1) said.push(plural(t.requests, "request"));
    if (t.failed) said.push(`${plural(t.failed, "tool call")} failed`);
    if (t.provision === "under") said.push("too weak a tier");
    if (t.provision === "over") said.push("stronger than needed");
    return said.join("; ");
  }

  function call(t) {
    const name = t.turn === null ? t.purpose || "other" : String(t.turn);
    const open = make("button", { class: "why", "aria-expanded": "false", text: name });
    const tier = make("td", {}, make("i", { class: known(t.tier) }), t.tier || "?");
    const line = make("tr", { class: t.provision === "under" || t.provision === "over" ? "wrong" : null },
      make("td", {}, open), tier,
      make("td", { text: (t.model || "?").split("/").pop() }),
      make("td", { text: usd(t.cost) }),
      make("td", { text: t.alone === null ? "" : usd(t.alone) }),
      make("td", { text: t.prompt ? `${Math.round((100 * (t.cached || 0)) / t.prompt)}%` : "" }),
      make("td", { text: t.seconds === null ? "" : t.seconds.toFixed(1) }),
      make("td", { class: "said", text: result(t) }));
    const cell = make("td", { colspan: "8" });
    const more = make("tr", { class: "more" }, cell);
    more.hidden = true;
    const toggle = () => {
      if (!cell.childNodes.length) cell.append(...reasons(t));
      more.hidden = !more.hidden;
      open.setAttribute("aria-expanded", String(!more.hidden));
    };
    open.addEventListener("click", (event) => { event.stopPropagation(); toggle(); });
    line.addEventListener("click", toggle);
    return [line, more];
  }

  function reasons(t) {
    const tokens = `${(t.prompt || 0).toLocaleString()} tokens in (${(t.cached || 0).toLocaleString()} cached), ` +
      `${(t.output || 0).toLocaleString()} out`;
    const said = t.signs.map((s) => data.signs[s] || s).join("; ");
    return [
      t.reason ? make("p", {}, make("b", { text: t.reason })) : "",
      make("ul", {}, ...t.why.map((w) => make("li", { text: w }))),
      make("p", { text: tokens + (t.chosen ? `; chosen: ${t.chosen}` : "") }),
      said ? make("p", { text: `Afterwards: ${said}` }) : "",
      make("code", { text: `tiered-router explain --decision ${t.id}` }),
    ];
  }

  show();
})();
