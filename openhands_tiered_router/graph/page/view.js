"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const STEPS = data.steps;
const files = data.files.map(([path, community, test, hub, dependents, depth, lines, complexity, language], id) =>
  ({ id, path, community, test, hub, dependents, depth, lines, complexity, language, users: [], importers: [] }));
for (const [source, target, usage] of data.links)
  (usage ? files[target].users : files[target].importers).push(files[source]);

const $ = (id) => document.getElementById(id);
const canvas = $("map"), context = canvas.getContext("2d");
const dark = matchMedia("(prefers-color-scheme: dark)");
const view = { x: 0, y: 0, scale: 1 };
let selected = null, reach = new Map(), hovered = null, colours = {};

// ---- layout: a sunflower of files per community, communities packed on a spiral

const SPACING = 11;
const ALONE = data.communities.length - (data.alone ? 1 : 0);
const filter = { language: -1, tests: true, alone: false };
const shown = (file) => (filter.language < 0 || file.language === filter.language) && (filter.tests || !file.test)
  && (filter.alone || file.community !== ALONE || file === selected);
const circles = data.communities.map(([name, cohesion], id) => ({ id, name, cohesion, files: [], x: 0, y: 0, r: 0 }));
for (const file of files) circles[file.community].files.push(file);
for (const circle of circles) {
  circle.files.sort((a, b) => b.dependents - a.dependents || a.id - b.id);
  circle.r = SPACING * 0.62 * Math.sqrt(circle.files.length) + SPACING * 1.6;
}
const box = canvas.getBoundingClientRect(), wide = Math.min(1.18, Math.max(0.72, box.width / box.height));
const placed = [];
// files on their own come last, outside of the others
const rank = (circle) => (circle.id === ALONE ? -1 : circle.r);
for (const circle of [...circles].sort((a, b) => rank(b) - rank(a) || a.id - b.id)) {
  for (let turn = 0; ; turn += 0.12) {
    circle.x = 7.8 * wide * turn * Math.cos(turn);
    circle.y = (7.8 / wide) * turn * Math.sin(turn);
    if (placed.every((o) => Math.hypot(o.x - circle.x, o.y - circle.y) > o.r + circle.r + 10)) break;
  }
  placed.push(circle);
  circle.files.forEach((file, i) => {
    const angle = i * 2.39996323, distance = SPACING * 0.62 * Math.sqrt(i);
    file.x = circle.x + distance * Math.cos(angle);
    file.y = circle.y + distance * Math.sin(angle);
    file.r = 2.2 + Math.min(3.2, Math.sqrt(file.dependents) / 3.5);
  });
}

// ---- what a change touches: users; where there are none, importers

function touched(start) {
  const found = new Map([[start, 0]]);
  let frontier = [start];
  for (let step = 1; step <= STEPS; step++) {
    const next = [];
    for (const file of frontier)
      for (const other of file.users.length ? file.users : file.importers)
        if (!found.has(other)) { found.set(other, step); next.push(other); }
    frontier = next;
  }
  return found;
}

// ---- drawing

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "soft", "ring", "fade", "changed", "one", "two", "three", "test"])
    colours[name] = style.getPropertyValue("--" + name).trim();
}
const hue = (id) => (id === ALONE ? colours.soft :
  `hsl(${(210 + id * 47) % 360} ${dark.matches ? "48% 64%" : "52% 42%"})`);
const stepColour = (step) => [colours.changed, colours.one, colours.two, colours.three][Math.min(step, 3)];
const onScreen = (p) => [p.x * view.scale + view.x, p.y * view.scale + view.y];

function draw() {
  const ratio = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  if (canvas.width !== Math.round(box.width * ratio) || canvas.height !== Math.round(box.height * ratio)) {
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  drawCircles();
  if (selected) drawLinks();
  const zoom = Math.max(0.55, Math.min(2.6, Math.sqrt(view.scale)));
  for (const file of files) if (shown(file)) drawFile(file, zoom);
  if (selected) for (const [file] of reach) if (shown(file)) drawFile(file, zoom);
  drawLabels(box);
}
function drawCircles() {
  for (const circle of circles) {
    if (!circle.files.some(shown)) continue;
    const [x, y] = onScreen(circle);
    context.beginPath();
    context.arc(x, y, circle.r * view.scale, 0, 7);
    context.strokeStyle = colours.ring;
    context.lineWidth = 1;
    context.stroke();
  }
}
function drawLinks() {
  context.lineWidth = 1;
  for (const [file, step] of reach) {
    if (step >= STEPS) continue;
    for (const user of file.users.length ? file.users : file.importers) {
      if (reach.get(user) !== step + 1 || !shown(user) || !shown(file)) continue;
      context.globalAlpha = step === 0 ? 0.7 : 0.14;
      context.strokeStyle = stepColour(step + 1);
      context.beginPath();
      context.moveTo(...onScreen(file));
      context.lineTo(...onScreen(user));
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}
function drawFile(file, zoom) {
  const [x, y] = onScreen(file), step = reach.get(file);
  const size = (file === selected ? file.r + 3 : file.r) * zoom;
  context.beginPath();
  context.arc(x, y, size, 0, 7);
  if (selected) context.fillStyle = step === undefined ? colours.fade : stepColour(step);
  else context.fillStyle = hue(file.community);
  if (file.test && !(selected && step === undefined)) {
    context.lineWidth = 1.4;
    context.strokeStyle = selected ? colours.test : context.fillStyle;
    context.fillStyle = selected ? context.fillStyle : colours.paper;
    context.fill();
    context.stroke();
  } else context.fill();
}
function drawLabels(box) {
  const taken = [];
  const label = (text, x, y, font, colour) => {
    context.font = font;
    const width = context.measureText(text).width, height = 15;
    const left = Math.max(4, Math.min(box.width - width - 4, x - width / 2)), top = y - height / 2;
    if (top < 2 || top + height > box.height - 2 || x < -width || x > box.width + width) return;
    if (taken.some((t) => left < t[0] + t[2] + 6 && t[0] < left + width + 6 && top < t[1] + height && t[1] < top + height)) return;
    taken.push([left, top, width]);
    context.lineWidth = 4;
    context.strokeStyle = colours.paper;
    context.lineJoin = "round";
    context.textBaseline = "middle";
    context.strokeText(text, left, y);
    context.fillStyle = colour;
    context.fillText(text, left, y);
  };
  const named = selected ? [selected] : files.filter((file) => file.hub && shown(file));
  for (const file of named) {
    const [x, y] = onScreen(file);
    label(tail(file.path), x, y - 13, "600 12px system-ui, sans-serif", colours.ink);
  }
  for (const circle of placed) {
    if (circle.r * view.scale < 24 || !circle.files.some(shown)) continue;
    const [x, y] = onScreen(circle), size = circle.r * view.scale;
    label(short(circle.name, Math.max(80, 2.3 * size)), x, y - size - 1, PLAIN, colours.soft);
  }
}
const PLAIN = "12px system-ui, sans-serif";
function short(name, room) {
  context.font = PLAIN;
  const last = name.split("/").pop(), fits = (text) => context.measureText(text).width <= room;
  let text = fits(tail(name)) ? tail(name) : last;
  while (text.length > 4 && !fits(text)) text = text.replace(/…$/, "").slice(0, -1) + "…";
  return text;
}
const tail = (path) => path.split("/").slice(-2).join("/");
const breakable = (path) => path.replace(/\/|[a-z0-9]_(?=[a-z0-9])/gi, "$&\u200b");

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}
function fit() {
  const box = canvas.getBoundingClientRect();
  const seen = circles.some((c) => c.files.some(shown)) ? circles.filter((c) => c.files.some(shown)) : circles;
  const left = Math.min(...seen.map((c) => c.x - c.r)), right = Math.max(...seen.map((c) => c.x + c.r));
  const top = Math.min(...seen.map((c) => c.y - c.r)), bottom = Math.max(...seen.map((c) => c.y + c.r));
  view.scale = Math.min((box.width - 24) / (right - left), (box.height - 90) / (bottom - top));
  view.x = (box.width - (left + right) * view.scale) / 2;
  view.y = (box.height - 40 - (top + bottom) * view.scale) / 2;
  redraw();
}
function zoom(factor, x, y) {
  view.x = x - (x - view.x) * factor;
  view.y = y - (y - view.y) * factor;
  view.scale *= factor;
  redraw();
}

// ---- the panel

function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function list(title, rows, total) {
  const parts = [element("h2", title)], shown = element("ul");
  for (const [text, note, action, colour] of rows) {
    const row = element("li"), button = element("button", breakable(text));
    if (colour) {
      const dot = element("span", "", "dot");
      dot.style.background = colour;
      row.append(dot);
    }
    button.addEventListener("click", action);
    row.append(button, element("span", note));
    shown.append(row);
  }
  parts.push(shown);
  if (total > rows.length) parts.push(element("p", `… and ${total - rows.length} more`, "note"));
  return parts;
}
function facts(pairs) {
  const made = element("dl");
  for (const [name, value] of pairs) made.append(element("dt", name), element("dd", String(value)));
  return made;
}
function showOverview() {
  const hubs = files.filter((file) => file.hub && shown(file)).sort((a, b) => b.dependents - a.dependents);
  const groups = circles.filter((circle) => circle.files.length > 1 && circle.files.some(shown));
  $("panel").replaceChildren(
    element("p", "Pick a file to see what a change to it would touch.", "note"),
    ...list("Hubs: most files depend on them", hubs.slice(0, 12).map((file) => [file.path, file.dependents, () => select(file), hue(file.community)]), hubs.length),
    ...list("Communities, with their cohesion", groups.slice(0, 20).map((circle) =>
      [circle.name, `${circle.files.filter(shown).length} · ${circle.cohesion.toFixed(2)}`, () => focus(circle), hue(circle.id)]), groups.length));
}
function showFile(file) {
  const count = (test) => [...reach.keys()].filter(test).length;
  const back = element("button", "← Overview", "link");
  back.addEventListener("click", () => select(null));
  const order = [...reach].filter(([other]) => other !== file).sort((a, b) => a[1] - b[1] || b[0].dependents - a[0].dependents || a[0].id - b[0].id);
  const rows = (found) => found.slice(0, 25).map(([other, step]) => [other.path, `${step} step${step > 1 ? "s" : ""}`, () => select(other), stepColour(step)]);
  const code = order.filter(([other]) => !other.test), tests = order.filter(([other]) => other.test);
  $("panel").replaceChildren(back, element("p", breakable(file.path), "path"),
    element("p", "in " + breakable(circles[file.community].name), "note"),
    facts([["Files that use it directly", count((o) => reach.get(o) === 1)],
      [`Reached by a change, ${STEPS} steps`, order.length], ["of them tests", tests.length],
      ["Depth of its dependencies", file.depth], ["Highest complexity", file.complexity], ["Lines", file.lines]]),
    ...inside(file), ...list("A change would touch", rows(code), code.length), ...list("Tests that reach it", rows(tests), tests.length));
  $("panel").scrollTop = 0;
}
function inside(file) {
  const found = data.definitions[file.id];
  if (!found.length) return [];
  const made = element("details"), listed = element("ul", undefined, "inside");
  made.append(element("summary", `Definitions (${found.length < data.most ? "" : "the first "}${found.length})`), listed);
  for (const [name, line, complexity, depth] of found) {
    const row = element("li"), text = element("span", name);
    text.style.paddingLeft = 12 * depth + "px";
    row.append(text, element("span", `line ${line} · complexity ${complexity}`));
    listed.append(row);
  }
  return [made];
}
function legend() {
  const items = selected
    ? [[colours.changed, "changed"], [colours.one, "uses it"], [colours.two, "2 steps"], [colours.three, "3 steps"], [colours.test, "ring: test"]]
    : [[null, "colour: community"], [null, "filled: code"], [null, "ring: test"], [null, "larger: more dependents"]];
  $("legend").replaceChildren(...items.map(([colour, text]) => {
    const made = element("span");
    if (colour) {
      const dot = element("span", "", "dot");
      dot.style.background = colour;
      made.append(dot);
    }
    made.append(text);
    return made;
  }));
}
function select(file) {
  selected = file;
  reach = file ? touched(file) : new Map();
  if (file) showFile(file);
  else showOverview();
  legend();
  redraw();
}
function focus(circle) {
  const box = canvas.getBoundingClientRect();
  view.scale = Math.min(4, (Math.min(box.width, box.height) * 0.42) / circle.r);
  view.x = box.width / 2 - circle.x * view.scale;
  view.y = box.height / 2 - circle.y * view.scale;
  redraw();
}

// ---- pointer, keyboard, search

function fileAt(x, y) {
  let best = null, nearest = 12;
  for (const file of files) {
    if (!shown(file)) continue;
    const [fx, fy] = onScreen(file), distance = Math.hypot(fx - x, fy - y);
    if (distance < nearest) { nearest = distance; best = file; }
  }
  return best;
}
const pointers = new Map();
let moved = 0;
const local = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, local(event)); moved = 0; });
canvas.addEventListener("pointermove", (event) => {
  const now = local(event), before = pointers.get(event.pointerId);
  if (!before) return showTip(fileAt(...now), now);
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const spread = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    zoom(spread(now) / Math.max(1, spread(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    moved = 99;
  } else {
    view.x += now[0] - before[0];
    view.y += now[1] - before[1];
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    redraw();
  }
  pointers.set(event.pointerId, now);
});
const release = (event) => {
  if (pointers.delete(event.pointerId) && event.type === "pointerup" && moved < 6) select(fileAt(...local(event)));
};
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => showTip(null));
canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 400), ...local(event)); }, { passive: false });
function showTip(file, at) {
  if (file === hovered && !file) return;
  hovered = file;
  $("tip").hidden = !file;
  canvas.style.cursor = file ? "pointer" : "grab";
  if (!file) return;
  $("tip").textContent = `${file.path} · ${file.dependents} dependents`;
  const room = canvas.getBoundingClientRect().width - $("tip").offsetWidth - 8;
  $("tip").style.left = Math.max(4, Math.min(room, at[0] + 12)) + "px";
  $("tip").style.top = at[1] + 14 + "px";
}
$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  const found = wanted ? files.filter((file) => file.path.toLowerCase().includes(wanted)).sort((a, b) => b.dependents - a.dependents || a.id - b.id) : [];
  $("results").hidden = !wanted;
  const rows = found.slice(0, 30).map((file) => {
    const row = element("li"), button = element("button", breakable(file.path));
    button.addEventListener("click", () => { $("results").hidden = true; $("search").value = ""; select(file); });
    row.append(button, element("span", file.dependents));
    return row;
  });
  $("results").replaceChildren(...(rows.length ? rows : [element("li", "no such file")]));
});
$("search").addEventListener("keydown", (event) => { if (event.key === "Enter") $("results").querySelector("button")?.click(); });
addEventListener("keydown", (event) => { if (event.key === "Escape") { $("results").hidden = true; select(null); } });
$("language").replaceChildren(...["all languages", ...data.languages].map((name, id) => new Option(name, id - 1)));
$("lonely").hidden = !data.alone;
for (const id of ["language", "tests", "alone"])
  $(id).addEventListener("change", () => {
    filter.language = Number($("language").value);
    filter.tests = $("tests").checked;
    filter.alone = $("alone").checked;
    select(selected && shown(selected) ? selected : null);
    fit();
  });
const middle = () => { const box = canvas.getBoundingClientRect(); return [box.width / 2, box.height / 2]; };
$("in").addEventListener("click", () => zoom(1.4, ...middle()));
$("out").addEventListener("click", () => zoom(1 / 1.4, ...middle()));
$("fit").addEventListener("click", fit);
addEventListener("resize", fit);
dark.addEventListener("change", () => { readColours(); select(selected); });

document.title = data.name + ": code graph";
$("title").textContent = data.name;
const tests = files.filter((file) => file.test).length;
$("summary").textContent = `${(files.length - tests).toLocaleString("en")} code and ${tests.toLocaleString("en")} test files, ${data.links.length.toLocaleString("en")} dependencies`;
readColours();
fit();
select(data.selected === null ? null : files[data.selected]);
