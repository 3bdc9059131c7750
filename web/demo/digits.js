// A network that learns to read the visitor's hand.

import { DigitTrainer } from "hadal";
import { say } from "./page.js";
import { centred, SIDE, varied } from "./image.js";

const BATCH = 32;
/** Of so many drawings of a digit one is held back. */
const HELD_BACK = 4;
const get = (id) => document.getElementById(id);
const paper = get("paper");
const ink = paper.getContext("2d", { willReadFrequently: true });

let trainer;
let wanted = 0;
let drawn = false;
let stroke;
let guesses = 0;
const learned = [];
const held = [];
const counts = new Array(10).fill(0);
const losses = [];

get("bars").innerHTML = Array.from({ length: 10 }, (_, digit) => `<span>${digit}</span><i></i><b></b>`).join("");
clear();

paper.addEventListener("pointerdown", (event) => {
  paper.setPointerCapture?.(event.pointerId);
  stroke = at(event);
  mark(stroke, stroke);
});
paper.addEventListener("pointermove", (event) => {
  if (stroke === undefined) return;
  const next = at(event);
  mark(stroke, next);
  stroke = next;
});
for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, () => {
    stroke = undefined;
    void guess();
  });
}
paper.addEventListener("keydown", (event) => {
  if (event.key === "Enter") void add();
  else if (event.key === "Escape") clear();
  else if (/^[0-9]$/.test(event.key)) ask(Number(event.key));
});
get("add").addEventListener("click", () => void add());
get("clear").addEventListener("click", clear);
get("backend").addEventListener("change", () => void begin());
await begin();
void learn();

/** A fresh network on the chosen backend; drawings stay. */
async function begin() {
  try {
    trainer?.dispose();
    trainer = await DigitTrainer.create({ backend: get("backend").value, seed: 42 });
    losses.length = 0;
    say(get("status"), `A fresh network on ${trainer.backend}. Press Add, or Enter, after each drawing.`);
    await test();
  } catch (error) {
    trainer = undefined;
    say(get("status"), error);
  }
}

function at(event) {
  const box = paper.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * paper.width, ((event.clientY - box.top) / box.height) * paper.height];
}

function mark([x, y], [toX, toY]) {
  ink.lineWidth = 22;
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#000";
  ink.beginPath();
  ink.moveTo(x, y);
  ink.lineTo(toX, toY);
  ink.stroke();
  drawn = true;
}

function clear() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, paper.width, paper.height);
  drawn = false;
  guesses += 1;
  show(new Float32Array(10).fill(0.1));
}

function ask(digit) {
  wanted = digit;
  get("wanted").textContent = String(digit);
}

async function add() {
  if (!drawn) return;
  const image = centred(ink.getImageData(0, 0, paper.width, paper.height));
  counts[wanted] += 1;
  (counts[wanted] % HELD_BACK === 0 ? held : learned).push({ image, digit: wanted });
  clear();
  ask((wanted + 1) % 10);
  say(get("status"), `${learned.length} drawings to learn from, ${held.length} held back.`);
  await test();
}

async function guess() {
  const now = ++guesses;
  if (!drawn || trainer === undefined) return;
  const probabilities = await trainer.probabilities(centred(ink.getImageData(0, 0, paper.width, paper.height))).catch(replaced);
  // Another stroke may have been drawn meanwhile.
  if (now === guesses && probabilities !== undefined) show(probabilities);
}

function show(probabilities) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const sure = Math.max(...probabilities) > 0.101;
  const cells = get("bars").children;
  probabilities.forEach((value, digit) => {
    const [label, bar, number] = [cells[3 * digit], cells[3 * digit + 1], cells[3 * digit + 2]];
    bar.style.width = `${100 * value}%`;
    number.textContent = `${Math.round(100 * value)} %`;
    for (const cell of [label, number]) cell.style.fontWeight = sure && digit === best ? "700" : "";
  });
}

/** A network that was asked may have been replaced meanwhile: then there is no answer. */
function replaced(error) {
  if (error.code !== "disposed") say(get("status"), error);
}

/** Reads all that was held back. */
async function test() {
  if (held.length === 0 || trainer === undefined) return;
  const images = new Float32Array(held.length * SIDE * SIDE);
  held.forEach(({ image }, i) => images.set(image, i * SIDE * SIDE));
  const probabilities = await trainer.probabilities(images).catch(replaced);
  if (probabilities === undefined) return;
  const right = held.filter(({ digit }, i) => {
    const row = probabilities.subarray(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row)) === digit;
  });
  get("accuracy").textContent = `${Math.round((100 * right.length) / held.length)} %`;
  get("tested").textContent = `of ${held.length} drawings that were held back`;
}

/** Learns for as long as the page is open and in front. */
async function learn() {
  for (let step = 0; ; step += 1) {
    if (trainer === undefined || learned.length < 5 || document.hidden) {
      await new Promise((later) => setTimeout(later, 200));
      continue;
    }
    const images = new Float32Array(BATCH * SIDE * SIDE);
    const labels = new Int32Array(BATCH);
    for (let i = 0; i < BATCH; i += 1) {
      const { image, digit } = learned[Math.floor(Math.random() * learned.length)];
      images.set(varied(image), i * SIDE * SIDE);
      labels[i] = digit;
    }
    try {
      losses.push(await trainer.step(images, labels));
    } catch (error) {
      // The network may have been replaced meanwhile.
      if (error.code === "disposed") continue;
      say(get("status"), error);
      trainer = undefined;
      continue;
    }
    if (step % 10 === 0) {
      curve();
      await test();
      await new Promise((later) => requestAnimationFrame(later));
    }
  }
}

function curve() {
  const canvas = get("curve");
  const plot = canvas.getContext("2d");
  const recent = losses.slice(-600);
  plot.clearRect(0, 0, canvas.width, canvas.height);
  plot.strokeStyle = getComputedStyle(get("add")).borderTopColor;
  plot.lineWidth = 2.5;
  plot.beginPath();
  recent.forEach((loss, i) => plot.lineTo((i / Math.max(recent.length - 1, 1)) * canvas.width, canvas.height * (1 - Math.min(loss / 2.4, 1)) * 0.96 + 4));
  plot.stroke();
  get("learned").textContent = `${losses.length} steps, loss ${losses.at(-1).toFixed(3)}`;
}
