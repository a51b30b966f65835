// The page of `sle-gan play`: a wall of pictures, one of them large, pins and the walk between them.
// Everything is asked of the server that this file came from, relative to the page's own address.

const $ = (id) => document.getElementById(id);
const PAGE = Math.random().toString(36).slice(2); // lanes of sliders, apart from those of another tab
const GAP = 8;
const TALLEST = 8_000_000; // px of the wall: browsers draw nothing far below that
const BATCH = 16;
const KEPT = 800; // pictures
const SPEED = 0.5; // pins a second

let facts;
const state = {
  step: 0,
  truncation: null,
  label: null, // the class of the wall's seeds
  base: null, // what the wall is like, or null for all seeds
  first: 0, // number of the wall's first picture
  chosen: null, // {place, moves, mix, title, number}
  angle: 0.35,
  pins: [],
  copies: true, // whether the training images can be compared with
};

// --- Asking -------------------------------------------------------------------------------------------------------

class Refused extends Error {}

async function ask(path, body) {
  let answer;
  try {
    const asked = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    answer = await fetch(path, asked || {});
  } catch {
    throw new Refused("The page has ended. Start sle-gan play again, and open the address that it tells.");
  }
  if (answer.ok) return answer;
  throw new Refused((await answer.json()).error);
}

function wrong(error) {
  if (!(error instanceof Refused)) console.error(error);
  $("wrong").textContent = error.message;
  $("wrong").hidden = false;
  clearTimeout(wrong.timer);
  wrong.timer = setTimeout(() => ($("wrong").hidden = true), 12_000);
}

const tell = (text) => ($("told").textContent = text);
const how = () => ({ step: state.step, truncation: state.truncation });
const numberOf = (value) => value.toLocaleString("en");

function pictureOf({ png, code, styles }) {
  const blob = new Blob([Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0))], { type: "image/png" });
  return { blob, url: URL.createObjectURL(blob), place: code ? { code } : styles ? { styles } : null };
}

const kept = new Map(); // pictures by what was asked for, the last used at the end

function keep(key, picture) {
  kept.delete(key);
  kept.set(key, picture);
  if (kept.size > KEPT) {
    const [oldest, { url }] = kept.entries().next().value;
    kept.delete(oldest);
    if (!state.pins.some((pin) => pin.url === url)) URL.revokeObjectURL(url);
  }
  return picture;
}

const keyOf = (point) => JSON.stringify([state.step, state.truncation, point]);

async function draw(points, urgency) {
  const asked = how();
  const keys = points.map(keyOf);
  const missing = points.filter((_, index) => !kept.has(keys[index]));
  if (missing.length) {
    const { pictures } = await (await ask("pictures", { ...asked, points: missing, urgency })).json();
    const drawn = pictures.map(pictureOf);
    let next = 0;
    keys.forEach((key) => kept.has(key) || keep(key, drawn[next++]));
  }
  return keys.map((key) => kept.get(key));
}

// Draws what a slider asks for: two requests at most are on their way, and of what comes meanwhile the newest alone.
class Live {
  constructor(name, show) {
    Object.assign(this, { lane: `${PAGE}-${name}`, show, turn: 0, shown: 0, flying: 0, next: null });
  }

  ask(point, chosen, settled) {
    this.next = { point, chosen, settled };
    this.fly();
  }

  async fly() {
    if (!this.next || this.flying >= 2) return;
    const { point, chosen, settled } = this.next;
    const turn = ++this.turn;
    this.next = null;
    this.flying += 1;
    try {
      const asked = { ...how(), points: [point], urgency: "live", lane: this.lane, turn };
      const { pictures } = await (await ask("pictures", asked)).json(); // none where the server met a newer turn first
      if (pictures && turn > this.shown) {
        this.shown = turn;
        this.show(pictureOf(pictures[0]), point, chosen, settled && turn === this.turn && !this.next);
      }
    } catch (error) {
      wrong(error);
    }
    this.flying -= 1;
    this.fly();
  }
}

// --- The wall ------------------------------------------------------------------------------------------------------

const wall = { tiles: new Map(), columns: 1, side: 104, height: 104, rows: 0, focus: 0, asking: 0 };

function pointAt(number) {
  if (state.base) return { near: state.base.place, number, angle: 0.7, ...changes(state.base) };
  return state.label === null ? { seed: number } : { seed: number, label: state.label };
}

const titleAt = (number) => (state.base ? `Like ${lower(state.base.title)}, no. ${number + 1}` : `Seed ${number}`);
const lower = (title) => title[0].toLowerCase() + title.slice(1);

function changes({ moves, mix }) {
  const more = {};
  if (moves && moves.some(Boolean)) more.moves = moves;
  if (mix) more.mix = mix;
  return more;
}

function layOut() {
  const width = (wall.width = $("tiles").clientWidth);
  const wanted = Number($("size").value);
  const top = topNumber();
  wall.columns = Math.max(2, Math.floor((width + GAP) / (wanted + GAP)));
  wall.side = (width - GAP * (wall.columns - 1)) / wall.columns;
  wall.height = (wall.side * facts.height) / facts.width;
  wall.rows = 0;
  for (const number of [...wall.tiles.keys()]) drop(number);
  showFrom(top);
}

const pitch = () => wall.height + GAP; // from row to row
const topNumber = () => state.first + Math.round($("wall").scrollTop / pitch()) * wall.columns;
const lastNumber = () => facts.largest_seed;

function showFrom(number) {
  const row = Math.floor(number / wall.columns);
  state.first = row * pitch() > TALLEST ? number : 0;
  const at = state.first ? 0 : row;
  grow(at);
  $("wall").scrollTop = at * pitch();
  fill();
}

function grow(row) {
  const most = Math.min(Math.ceil((lastNumber() + 1 - state.first) / wall.columns), Math.floor(TALLEST / pitch()) * 2);
  const rows = Math.min(most, row + 60);
  if (rows <= wall.rows) return;
  wall.rows = rows;
  $("tiles").style.height = `${rows * pitch() - GAP}px`;
}

function fill() {
  const { scrollTop, clientHeight } = $("wall");
  const from = Math.max(0, Math.floor(scrollTop / pitch()) - 1);
  const to = Math.ceil((scrollTop + clientHeight) / pitch()) + 1;
  grow(to);
  const low = state.first + from * wall.columns;
  const high = Math.min(state.first + to * wall.columns, lastNumber() + 1);
  for (const number of [...wall.tiles.keys()]) {
    if ((number < low || number >= high) && wall.tiles.get(number).button !== document.activeElement) drop(number);
  }
  for (let number = low; number < high; number += 1) if (!wall.tiles.has(number)) hang(number);
  if (!wall.tiles.has(wall.focus)) wall.focus = low;
  for (const [number, { button }] of wall.tiles) button.tabIndex = number === wall.focus ? 0 : -1;
  drawTiles();
}

function hang(number) {
  const button = document.createElement("button");
  const image = document.createElement("img");
  const told = document.createElement("span");
  const at = number - state.first;
  button.type = "button";
  button.className = "tile";
  button.dataset.number = number;
  button.style.width = `${wall.side}px`;
  button.style.height = `${wall.height}px`;
  button.style.left = `${(at % wall.columns) * (wall.side + GAP)}px`;
  button.style.top = `${Math.floor(at / wall.columns) * pitch()}px`;
  button.setAttribute("aria-label", titleAt(number));
  image.alt = "";
  told.textContent = state.base ? number + 1 : number;
  button.append(image, told);
  $("tiles").append(button);
  wall.tiles.set(number, { button, image, point: pointAt(number) });
  mark(number);
}

function drop(number) {
  wall.tiles.get(number).button.remove();
  wall.tiles.delete(number);
}

async function drawTiles() {
  if (wall.asking >= 2) return;
  const waiting = [...wall.tiles].filter(([, tile]) => !tile.drawn && !tile.asked).sort(([a], [b]) => a - b);
  const part = waiting.slice(0, BATCH);
  if (!part.length) {
    if (!wall.asking) compareTiles();
    return;
  }
  wall.asking += 1;
  part.forEach(([, tile]) => (tile.asked = true));
  const asked = JSON.stringify(how());
  try {
    const pictures = await draw(part.map(([, tile]) => tile.point), "wall");
    part.forEach(([number, tile], index) => {
      if (asked === JSON.stringify(how())) {
        Object.assign(tile, { drawn: true, picture: pictures[index] });
        tile.image.src = pictures[index].url;
        mark(number);
      }
    });
  } catch (error) {
    wrong(error);
  }
  part.forEach(([, tile]) => (tile.asked = false));
  wall.asking -= 1;
  if (part.some(([, tile]) => tile.drawn)) drawTiles();
}

function redrawWall() {
  for (const tile of wall.tiles.values()) tile.drawn = false;
  drawTiles();
}

function hangAnew(number) {
  for (const shown of [...wall.tiles.keys()]) drop(shown);
  wall.rows = 0;
  wall.focus = number;
  $("tiles").setAttribute("aria-label", state.base ? `Pictures like ${lower(state.base.title)}` : "Wall of seeds; arrow keys go from one to the next");
  $("like").hidden = !state.base;
  $("seed-field").hidden = Boolean(state.base);
  if (state.base) $("like-what").textContent = `More like ${lower(state.base.title)}`;
  showFrom(number);
}

function goOver(number) {
  const inside = Math.min(Math.max(number, state.first), lastNumber());
  const top = Math.floor((inside - state.first) / wall.columns) * pitch();
  const frame = $("wall");
  if (top < frame.scrollTop) frame.scrollTop = top;
  if (top + pitch() > frame.scrollTop + frame.clientHeight) frame.scrollTop = top + pitch() - frame.clientHeight;
  wall.focus = inside;
  fill();
  wall.tiles.get(inside).button.focus({ preventScroll: true });
}

function wallKeys(event) {
  const number = Number(event.target.dataset.number);
  const page = wall.columns * Math.max(1, Math.floor($("wall").clientHeight / pitch()) - 1);
  const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wall.columns, ArrowDown: wall.columns, PageUp: -page, PageDown: page };
  if (event.target.className.startsWith("tile") && event.key in ways) {
    event.preventDefault();
    goOver(number + ways[event.key]);
  } else if (event.key === "Home") {
    event.preventDefault();
    hangAnew(0);
    goOver(0);
  }
}

// --- Near copies -----------------------------------------------------------------------------------------------------

const compared = new Map(); // what the training images say of a picture, by what was asked for

const isMarking = () => state.copies && $("mark").checked;

async function compare(points) {
  const keys = points.map(keyOf);
  const missing = points.filter((_, index) => !compared.has(keys[index]));
  if (missing.length) {
    const asked = missing.map(keyOf);
    const { copies } = await (await ask("copies", { ...how(), points: missing })).json();
    copies.forEach((copy, index) => compared.set(asked[index], copy));
  }
  return keys.map((key) => compared.get(key));
}

function cannotCompare(error) {
  state.copies = false;
  $("mark").checked = false;
  $("mark").disabled = true;
  $("copy").textContent = `Near copies cannot be marked: ${error.message}`;
  $("nearest").hidden = true;
}

function mark(number) {
  const tile = wall.tiles.get(number);
  if (!tile) return; // taken down while it was drawn
  const copy = isMarking() && compared.get(keyOf(tile.point));
  tile.button.classList.toggle("copy", Boolean(copy && copy.is_copy));
  tile.button.classList.toggle("on", Boolean(state.chosen && state.chosen.number === number && state.chosen.base === state.base));
  tile.button.setAttribute("aria-label", copy && copy.is_copy ? `${titleAt(number)}, near copy of training image ${copy.image}` : titleAt(number));
}

const markAll = () => [...wall.tiles.keys()].forEach(mark);

async function compareTiles() {
  if (!isMarking() || wall.comparing) return;
  const points = [...wall.tiles.values()].filter((tile) => tile.drawn && !compared.has(keyOf(tile.point))).map((tile) => tile.point);
  if (!points.length) return;
  wall.comparing = true;
  try {
    await compare(points.slice(0, BATCH));
    markAll();
  } catch (error) {
    cannotCompare(error);
  }
  wall.comparing = false;
  compareTiles();
}

async function compareChosen() {
  const { point } = state.chosen;
  if (!isMarking()) return;
  try {
    const [copy] = await compare([point]);
    if (state.chosen.point !== point) return;
    const what = `training image ${copy.image}${copy.is_mirrored ? ", mirrored" : ""}`;
    $("copy").textContent = copy.is_copy
      ? `Near copy of ${what}: at ${copy.ratio.toFixed(2)} of the usual distance between training images.`
      : `No near copy: the nearest training image is at ${copy.ratio.toFixed(2)} of the usual distance.`;
    $("copy").classList.toggle("is-copy", copy.is_copy);
    $("nearest").hidden = !copy.is_copy;
    $("nearest-image").classList.toggle("mirrored", copy.is_mirrored);
    if (copy.is_copy) {
      $("nearest-image").src = `training/${copy.image}.png`;
      $("nearest-image").alt = `The nearest ${what}`;
      $("nearest-told").textContent = `Nearest ${what}`;
    }
  } catch (error) {
    cannotCompare(error);
  }
}

// --- The chosen picture ------------------------------------------------------------------------------------------------

const pointOf = (chosen) => ({ ...chosen.place, ...changes(chosen) });
const live = new Live("large", showLarge);

function choose(chosen, { open = true } = {}) {
  state.chosen = { moves: [], mix: null, number: null, base: null, ...chosen };
  showChanges();
  if (open) document.body.classList.add("has-chosen");
  redraw(true);
}

function redraw(settled) {
  const point = state.chosen.walk ? state.chosen.walk : pointOf(state.chosen);
  live.ask(point, state.chosen, settled);
}

function showLarge(picture, point, chosen, settled) {
  if (chosen !== state.chosen) return;
  const before = chosen.picture;
  chosen.picture = picture;
  chosen.point = point;
  if (picture.place && chosen.walk) chosen.place = picture.place;
  $("picture").src = picture.url;
  $("picture").alt = `${chosen.title}, step ${state.step}`;
  $("title").textContent = chosen.title;
  if (before && !state.pins.some((pin) => pin.url === before.url)) URL.revokeObjectURL(before.url);
  markAll();
  showPins();
  if (settled) settle();
}

function settle() {
  $("copy").textContent = state.copies ? "" : $("copy").textContent;
  $("copy").classList.remove("is-copy");
  $("nearest").hidden = true;
  tell(`${state.chosen.title} at step ${state.step}`);
  drawNeighbors();
  compareChosen();
}

async function drawNeighbors() {
  const chosen = state.chosen;
  $("neighbors").setAttribute("aria-busy", "true"); // those of the picture before are still there
  const points = [...Array(8).keys()].map((number) => ({ near: chosen.place, number, angle: state.angle, ...changes(chosen) }));
  try {
    const pictures = await draw(points, "chosen");
    if (state.chosen !== chosen) return;
    $("neighbors").setAttribute("aria-busy", "false");
    [...$("neighbors").children].forEach((button, index) => {
      button.firstChild.src = pictures[index].url;
      button.onclick = () => {
        const title = `Near ${lower(chosen.title).replace(/^near /, "")}`;
        choose({ place: pictures[index].place, moves: chosen.moves, mix: chosen.mix, title });
      };
    });
  } catch (error) {
    wrong(error);
  }
}

function showChanges() {
  const { moves, mix } = state.chosen;
  [...$("directions").querySelectorAll("input")].forEach((input, index) => {
    input.value = moves[index] || 0;
    input.nextElementSibling.value = Number(input.value).toFixed(1);
  });
  $("straight").hidden = !moves.some(Boolean);
  $("mixing").checked = Boolean(mix);
  if (mix) {
    $("mix-seed").value = mix.seed;
    $("mix-from").value = mix.from;
  }
}

function change(settled) {
  const { chosen } = state;
  if (chosen.walk) {
    chosen.walk = null; // what is moved stands still
    chosen.title = `Picture ${lower(chosen.title)}`;
  }
  chosen.moves = [...$("directions").querySelectorAll("input")].map((input) => Number(input.value));
  chosen.mix = $("mixing").checked ? { seed: seedOf($("mix-seed")), from: Number($("mix-from").value) } : null;
  $("straight").hidden = !chosen.moves.some(Boolean);
  redraw(settled);
}

function seedOf(input) {
  const seed = Math.min(Math.max(0, Math.trunc(Number(input.value) || 0)), facts.largest_seed);
  input.value = seed;
  return seed;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  tell(`${name} is saved`);
}

function savePicture() {
  const { picture, place, moves, mix } = state.chosen;
  const plain = "seed" in place && !moves.some(Boolean) && !mix;
  const ending = plain && "label" in place ? `-${facts.classes[place.label]}` : "";
  const name = plain ? `seed-${String(place.seed).padStart(6, "0")}${ending}` : state.chosen.title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  save(picture.blob, `${name}.png`);
}

function moreLike() {
  const { place, moves, mix, title } = state.chosen;
  state.base = { place, moves, mix, title };
  document.body.classList.remove("has-chosen");
  hangAnew(0);
  $("unlike").focus();
}

// --- Pins and the walk ---------------------------------------------------------------------------------------------------

const samePlace = (pin, chosen) => JSON.stringify(pointOf(pin)) === JSON.stringify(pointOf(chosen));

function pin() {
  const { chosen } = state;
  if (!chosen || !chosen.picture) return;
  const there = state.pins.findIndex((one) => samePlace(one, chosen));
  if (there >= 0) return unpin(there);
  if (state.pins.length >= facts.most_pins) return wrong(new Refused(`There are ${facts.most_pins} pins at most; take one away first.`));
  const { place, moves, mix, title, picture } = chosen;
  state.pins.push({ place, moves: [...moves], mix, title, url: picture.url });
  tell(`${title} is pinned`);
  redrawPins();
}

function unpin(index) {
  const [gone] = state.pins.splice(index, 1);
  tell(`${gone.title} is not pinned any more`);
  showPins();
}

function showPins() {
  const items = state.pins.map((one, index) => {
    const item = document.createElement("li");
    const show = document.createElement("button");
    const image = document.createElement("img");
    const away = document.createElement("button");
    show.type = away.type = "button";
    show.setAttribute("aria-label", `Pin ${index + 1}: ${lower(one.title)}`);
    show.title = one.title;
    image.src = one.url;
    image.alt = "";
    show.append(image);
    show.onclick = () => choose({ place: one.place, moves: one.moves, mix: one.mix, title: one.title });
    away.className = "away";
    away.textContent = "✕";
    away.setAttribute("aria-label", `Take pin ${index + 1} away`);
    away.onclick = () => unpin(index);
    item.append(show, away);
    return item;
  });
  const signature = state.pins.map((one) => one.url).join();
  if ($("pins").dataset.shown !== signature) $("pins").replaceChildren(...items);
  $("pins").dataset.shown = signature;
  $("pins-empty").hidden = state.pins.length > 1;
  $("pins-empty").textContent = state.pins.length ? "Pin one more picture to walk between them." : "Pin two pictures or more to walk between them.";
  $("walk").hidden = state.pins.length < 2;
  $("at").max = Math.max(1, state.pins.length - 1);
  const pinned = state.chosen && state.chosen.picture && !state.chosen.walk && state.pins.some((one) => samePlace(one, state.chosen));
  $("pin").firstChild.textContent = pinned ? "Unpin " : "Pin ";
}

function walkTo(at, settled) {
  const start = Math.min(Math.floor(at), state.pins.length - 2);
  const share = at - start;
  const [from, to] = [state.pins[start], state.pins[start + 1]];
  const title = share === 0 || share === 1 ? (share ? to : from).title : `Between pins ${start + 1} and ${start + 2}, ${Math.round(100 * share)} %`;
  const walk = { between: [pointOf(from), pointOf(to)], share };
  $("at").setAttribute("aria-valuetext", title);
  document.body.classList.add("has-chosen"); // on a phone it lies over the wall
  if (!state.chosen || !state.chosen.walk) {
    state.chosen = { moves: [], mix: null, number: null, base: null, place: from.place, picture: state.chosen && state.chosen.picture };
    showChanges();
  }
  Object.assign(state.chosen, { walk, title });
  if (share === 0 || share === 1) Object.assign(state.chosen, { place: (share ? to : from).place });
  redraw(settled);
}

const walking = { frame: 0, from: 0, since: 0 };

function toggleWalk() {
  if (walking.frame) return stopWalk();
  if (state.pins.length < 2) return;
  $("run-walk").textContent = "❚❚";
  $("run-walk").setAttribute("aria-pressed", "true");
  walking.from = Number($("at").value);
  walking.since = performance.now();
  const step = (now) => {
    const last = state.pins.length - 1;
    if (last < 1) return stopWalk();
    const way = (walking.from + (SPEED * Math.max(0, now - walking.since)) / 1000) % (2 * last); // there and back
    $("at").value = way > last ? 2 * last - way : way;
    walkTo(Number($("at").value), false);
    walking.frame = requestAnimationFrame(step);
  };
  walking.frame = requestAnimationFrame(step);
}

function stopWalk() {
  cancelAnimationFrame(walking.frame);
  walking.frame = 0;
  $("run-walk").textContent = "▶";
  $("run-walk").setAttribute("aria-pressed", "false");
  if (state.pins.length > 1) walkTo(Number($("at").value), true);
}

async function saveFilm() {
  const format = $("format").value;
  const asked = {
    ...how(),
    pins: state.pins.map(pointOf),
    format,
    seconds: Number($("seconds").value),
    fps: format === "gif" ? 25 : 30,
    loop: $("loop").checked,
    easing: $("smooth").checked ? "smooth" : "even",
  };
  $("save-film").disabled = true;
  $("film-progress").hidden = false;
  tell("The film is being made");
  const timer = setInterval(async () => {
    try {
      const { done, total } = await (await ask("film")).json();
      $("film-progress").value = total ? done / total : 0;
    } catch {
      clearInterval(timer);
    }
  }, 400);
  try {
    save(await (await ask("film", asked)).blob(), `walk-${facts.run}.${format}`);
  } catch (error) {
    wrong(error);
  }
  clearInterval(timer);
  $("save-film").disabled = false;
  $("film-progress").hidden = true;
}

// --- Checkpoints -----------------------------------------------------------------------------------------------------

function showSteps() {
  const steps = facts.steps.map(({ step }) => step);
  const [low, high] = [steps[0], steps[steps.length - 1]];
  let places = steps.map((step) => (high > low ? (step - low) / (high - low) : 0.5));
  const crowded = places.some((place, index) => index && place - places[index - 1] < 0.07);
  if (crowded) places = steps.map((_, index) => index / Math.max(1, steps.length - 1));
  const marks = facts.steps.map(({ step, best }, index) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("span");
    input.type = "radio";
    input.name = "step";
    input.value = step;
    input.checked = step === state.step;
    input.setAttribute("aria-label", `Step ${step}${best ? ", among the best by its score" : ""}`);
    input.onchange = () => chooseStep(step);
    label.title = `Step ${numberOf(step)}${best ? ", among the best by its score" : ""}`;
    label.className = best ? "best" : "";
    label.style.left = `${100 * places[index]}%`;
    label.append(input, told);
    return label;
  });
  $("steps").replaceChildren(...marks);
  $("timeline").classList.toggle("single", steps.length < 2);
  tellStep();
}

function tellStep() {
  const best = facts.steps.some(({ step, best }) => best && step === state.step);
  $("step").value = `${numberOf(state.step)}${best ? " · best" : ""}`;
}

function chooseStep(step) {
  state.step = step;
  tellStep();
  redrawWall();
  redrawAll();
}

function redrawAll() {
  redraw(true);
  redrawPins();
}

async function redrawPins() {
  const asked = JSON.stringify(how());
  try {
    const pins = [...state.pins];
    const pictures = pins.length ? await draw(pins.map(pointOf), "chosen") : [];
    if (asked !== JSON.stringify(how())) return;
    pins.forEach((one, index) => (one.url = pictures[index].url));
    showPins();
  } catch (error) {
    wrong(error);
  }
}

function stepBy(way) {
  const inputs = [...$("steps").querySelectorAll("input")];
  const next = inputs[inputs.findIndex((input) => input.checked) + way];
  if (next) next.click();
}

// --- All of it ---------------------------------------------------------------------------------------------------------

function build() {
  document.title = `Play with ${facts.run}`;
  $("run").textContent = facts.run;
  $("about").textContent = `${facts.network}, ${facts.width} × ${facts.height} px`;
  document.body.style.setProperty("--ratio", facts.width / facts.height);
  document.body.classList.toggle("pixels", Math.max(facts.width, facts.height) <= 64);
  $("go").max = facts.largest_seed;
  $("class-field").hidden = !facts.classes.length;
  const every = new Option("each in turn", "");
  $("class").append(every, ...facts.classes.map((name, label) => new Option(name, label)));
  $("truncation-field").hidden = $("mix-section").hidden = !facts.styles;
  $("mix-from").append(...facts.mix_sides.map((side) => new Option(`${side} px`, side)));
  if (facts.mix_sides.includes(16)) $("mix-from").value = 16;
  for (let index = 0; index < facts.directions; index += 1) {
    const label = document.createElement("label");
    label.className = "slider";
    label.innerHTML = '<span></span> <input type="range" min="-4" max="4" step="0.1" value="0"> <output>0.0</output>';
    label.firstChild.textContent = index + 1;
    const [, input, told] = label.children;
    input.setAttribute("aria-label", `Direction ${index + 1}, in standard deviations`);
    input.oninput = () => {
      told.value = Number(input.value).toFixed(1);
      change(false);
    };
    input.onchange = () => change(true);
    $("directions").append(label);
  }
  for (let index = 0; index < 8; index += 1) {
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.setAttribute("aria-label", `Neighbor ${index + 1}`);
    image.alt = "";
    button.append(image);
    $("neighbors").append(button);
  }
  const films = Object.entries(facts.films);
  $("format").append(...films.map(([name, missing]) => Object.assign(new Option(name.toUpperCase(), name), { disabled: Boolean(missing) })));
  $("format").value = films.find(([, missing]) => !missing)[0];
  $("film-missing").textContent = films.map(([, missing]) => missing).filter(Boolean).join("; ");
  $("angle-told").value = state.angle;
  showSteps();
  showPins();
}

function listen() {
  $("wall").addEventListener("scroll", fill, { passive: true });
  new ResizeObserver(() => ($("tiles").clientWidth === wall.width ? fill() : layOut())).observe($("wall"));
  $("tiles").onclick = (event) => {
    const button = event.target.closest(".tile");
    if (!button) return;
    const number = Number(button.dataset.number);
    const tile = wall.tiles.get(number);
    wall.focus = number;
    const place = tile.point.near ? tile.picture && tile.picture.place : tile.point;
    if (place) choose({ place, number, base: state.base, title: titleAt(number), ...(state.base ? changes(state.base) : {}) });
    if (matchMedia("(max-width: 55rem)").matches) $("title").focus();
  };
  $("wall").onkeydown = wallKeys;
  $("size").oninput = layOut;
  $("go").onchange = () => {
    if ($("go").value === "") return;
    const seed = seedOf($("go"));
    hangAnew(seed);
    choose({ place: pointAt(seed), number: seed, title: titleAt(seed) }, { open: false });
  };
  $("class").onchange = () => {
    state.label = $("class").value === "" ? null : Number($("class").value);
    hangAnew(topNumber());
  };
  $("truncation").oninput = () => {
    const value = Number($("truncation").value);
    $("truncation-told").value = value;
    state.truncation = value === 1 ? null : value;
    redraw(false);
  };
  $("truncation").onchange = () => {
    redrawWall();
    redrawAll();
  };
  $("mark").onchange = () => {
    markAll();
    compareTiles();
    settle();
  };
  $("unlike").onclick = () => {
    state.base = null;
    hangAnew(0);
  };
  $("close").onclick = close;
  $("pin").onclick = pin;
  $("save").onclick = savePicture;
  $("more").onclick = moreLike;
  $("angle").oninput = () => {
    state.angle = Number($("angle").value);
    $("angle-told").value = state.angle;
  };
  $("angle").onchange = drawNeighbors;
  $("straight").onclick = () => {
    state.chosen.moves = [];
    showChanges();
    change(true);
  };
  for (const id of ["mixing", "mix-seed", "mix-from"]) $(id).onchange = () => change(true);
  $("mix-seed").oninput = () => $("mixing").checked && change(false);
  $("at").oninput = () => {
    if (walking.frame) stopWalk();
    walkTo(Number($("at").value), false);
  };
  $("at").onchange = () => walkTo(Number($("at").value), true);
  $("run-walk").onclick = toggleWalk;
  $("save-film").onclick = saveFilm;
  $("show-keys").onclick = () => $("keys").showModal();
  document.addEventListener("keydown", keys);
  document.addEventListener("visibilitychange", refresh);
  const dock = new ResizeObserver(() => document.body.style.setProperty("--dock", `${$("dock").offsetHeight}px`));
  dock.observe($("dock"));
}

function close() {
  document.body.classList.remove("has-chosen");
  goOver(wall.focus);
}

function keys(event) {
  const { target, key } = event;
  const writes = target.matches("select, input:not([type=range], [type=checkbox], [type=radio])");
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (key === "Escape") return writes ? target.blur() : close();
  if (writes) return;
  const does = { p: pinHere, m: moreLike, s: savePicture, w: toggleWalk, "[": () => stepBy(-1), "]": () => stepBy(1), "?": () => $("keys").showModal(), g: () => $("go").focus() };
  const action = does[key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
}

// On the wall, P pins the picture that has the focus.
function pinHere() {
  const tile = document.activeElement.closest(".tile");
  if (tile && !tile.classList.contains("on")) tile.click();
  const wait = () => (state.chosen.picture ? pin() : requestAnimationFrame(wait));
  wait();
}

// A run that still trains has other checkpoints when one comes back to the page.
async function refresh() {
  if (document.hidden) return;
  try {
    const now = await (await ask("facts")).json();
    if (JSON.stringify(now.steps) === JSON.stringify(facts.steps)) return;
    facts.steps = now.steps;
    if (!facts.steps.some(({ step }) => step === state.step)) chooseStep(facts.steps[facts.steps.length - 1].step);
    showSteps();
  } catch (error) {
    wrong(error);
  }
}

async function begin() {
  facts = await (await ask("facts")).json();
  state.step = facts.steps[facts.steps.length - 1].step;
  build();
  listen();
  layOut();
  state.pins = facts.latents.map((place, index) => ({ place, moves: [], mix: null, title: `Given ${index + 1}`, url: "" }));
  if (state.pins.length) {
    await redrawPins();
    choose({ ...state.pins[0] }, { open: false });
  } else choose({ place: pointAt(0), number: 0, title: titleAt(0) }, { open: false });
}

begin().catch(wrong);
