// Draws with generator.onnx in the browser, by onnxruntime-web. Nothing is sent anywhere.
"use strict";

const MODEL = "generator.onnx";
const LOADER = "runtime/ort-wasm-simd-threaded.mjs";
const MACHINE = "runtime/ort-wasm-simd-threaded.wasm";
const EACH_ITS_OWN = -1;

const byId = (id) => document.getElementById(id);
const pictures = []; // {name, code, label, button, canvas}
let session = null;
let ends = [0, 1]; // places in `pictures` of the two that are walked between
let work = Promise.resolve(); // one picture is drawn at a time
let isWalking = false;

function say(text) {
  byId("status").textContent = text;
}

function bytesOfText(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${address} cannot be read`));
    document.head.append(element);
  });
}

async function bytesOf(name) {
  if (location.protocol.startsWith("http")) {
    const answer = await fetch(name);
    if (!answer.ok) throw new Error(`${name} cannot be read: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }
  // A page that is opened from a disk may read scripts alone: there the same bytes lie as text.
  await loadScript(`from-disk/${name}.js`);
  const bytes = bytesOfText(window.FROM_DISK);
  delete window.FROM_DISK;
  return bytes;
}

async function load() {
  const [loader, machine] = [await bytesOf(LOADER), await bytesOf(MACHINE)];
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = machine.buffer;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([loader], { type: "text/javascript" })) };
  session = await ort.InferenceSession.create(await bytesOf(MODEL), { executionProviders: ["wasm"] });
}

async function pixelsOf(code, label) {
  const inputs = { z: new ort.Tensor("float32", code, [1, GENERATOR.latent_size]) };
  if (GENERATOR.classes) inputs.label = new ort.Tensor("int32", Int32Array.of(label), [1]);
  const { images } = await session.run(inputs);
  const [, height, width, channels] = images.dims;
  const pixels = new ImageData(width, height); // Uint8ClampedArray rounds and clips
  for (let place = 0; place < height * width; place++) {
    for (let part = 0; part < 4; part++) {
      const from = channels < 3 ? 0 : part;
      pixels.data[4 * place + part] =
        part === 3 && channels < 4 ? 255 : images.data[channels * place + from] * 127.5 + 127.5;
    }
  }
  return pixels;
}

async function show(canvas, code, label) {
  const pixels = await pixelsOf(code, label);
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  await new Promise((resolve) => setTimeout(resolve)); // lets the page answer between two pictures
}

function inTurn(job) {
  work = work.then(job).catch((error) => say(`This picture cannot be drawn: ${error.message}`));
  return work;
}

// Along the sphere where Gaussian codes lie, as generate.py interpolate walks (White 2016, arXiv:1609.04468).
function between(a, b, share) {
  const length = (code) => Math.hypot(...code);
  const [aLength, bLength] = [length(a), length(b)];
  const cosine = a.reduce((sum, value, place) => sum + (value * b[place]) / (aLength * bLength), 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const even = Math.max(Math.sin(angle), 1e-6);
  const [ofA, ofB] =
    angle < 1e-3 ? [1 - share, share] : [Math.sin((1 - share) * angle) / even, Math.sin(share * angle) / even];
  const size = (1 - share) * aLength + share * bLength;
  return a.map((value, place) => size * ((ofA * value) / aLength + (ofB * b[place]) / bLength));
}

function labelOf(picture) {
  const chosen = Number(byId("class").value || EACH_ITS_OWN);
  return chosen === EACH_ITS_OWN ? picture.label : chosen;
}

function walk() {
  if (isWalking) return work; // what waits reads where the slider is then
  isWalking = true;
  return inTurn(async () => {
    isWalking = false;
    const share = Number(byId("share").value);
    const [a, b] = ends.map((end) => pictures[end]);
    await show(byId("large"), between(a.code, b.code, share), labelOf(share < 0.5 ? a : b));
  });
}

function choose(place) {
  if (place !== ends[1]) ends = [ends[1], place];
  pictures.forEach(({ button }, other) => button.setAttribute("aria-pressed", String(ends.includes(other))));
  byId("ends").textContent = `from ${pictures[ends[0]].name} to ${pictures[ends[1]].name}`;
  return walk();
}

function add(name, code, label) {
  const [button, canvas] = [document.createElement("button"), document.createElement("canvas")];
  button.type = "button";
  button.setAttribute("aria-label", name);
  button.setAttribute("aria-pressed", "false");
  button.append(canvas);
  const place = pictures.push({ name, code, label, button, canvas }) - 1;
  button.addEventListener("click", () => choose(place));
  byId("wall").append(button);
  return inTurn(() => show(canvas, code, labelOf(pictures[place])));
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function addTwelve() {
  for (let count = 0; count < 12; count++) {
    const code = Float32Array.from({ length: GENERATOR.latent_size }, gaussian);
    const label = GENERATOR.classes ? pictures.length % GENERATOR.classes.length : 0;
    add(`picture ${pictures.length + 1}`, code, label);
  }
}

function save() {
  byId("large").toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${GENERATOR.run}-${GENERATOR.step}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function describe() {
  document.title = byId("title").textContent = GENERATOR.run;
  byId("facts").textContent = `Step ${GENERATOR.step}, ${GENERATOR.resolution} px. Drawn in this browser, by onnxruntime.`;
  if (!GENERATOR.classes) return;
  [["each its own", EACH_ITS_OWN], ...GENERATOR.classes.map((name, label) => [name, label])].forEach(([name, label]) =>
    byId("class").append(new Option(name, label)),
  );
  byId("of-class").hidden = false;
}

async function start() {
  describe();
  await load();
  const numbers = new Float32Array(bytesOfText(GENERATOR.codes).buffer);
  const size = GENERATOR.latent_size;
  GENERATOR.seeds.forEach((seed, place) =>
    add(`seed ${seed}`, numbers.slice(place * size, (place + 1) * size), GENERATOR.labels[place] ?? 0),
  );
  ends = [0, Math.min(1, pictures.length - 1)];
  say("");
  for (const id of ["share", "save", "more"]) byId(id).disabled = false;
  byId("share").addEventListener("input", walk);
  byId("save").addEventListener("click", save);
  byId("more").addEventListener("click", addTwelve);
  byId("class").addEventListener("change", () => {
    pictures.forEach((picture) => inTurn(() => show(picture.canvas, picture.code, labelOf(picture))));
    walk();
  });
  await choose(ends[1]);
  document.body.dataset.state = "drawn";
}

start().catch((error) => say(`The generator cannot be loaded: ${error.message}`));
