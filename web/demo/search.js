// Semantic search over a pasted text.

import { Model } from "hadal";
import { follow, say } from "./page.js";

const MODEL = "models/minilm/model.safetensors";
const SHOWN = 5;
const get = (id) => document.getElementById(id);
const button = document.querySelector("#ask button");

let model;
let passages = [];
let vectors = [];

get("read").addEventListener("click", () => void work(read));
get("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  void work(search);
});

/** Does one thing at a time, and says what went wrong. */
async function work(what) {
  get("read").disabled = button.disabled = true;
  try {
    await what();
  } catch (error) {
    say(get("status"), error);
  } finally {
    get("bar").hidden = true;
    get("read").disabled = false;
    button.disabled = vectors.length === 0;
  }
}

async function read() {
  const backend = get("backend").value;
  if (model === undefined || (backend !== "auto" && model.backend !== backend)) {
    model?.dispose();
    model = undefined;
    model = await Model.load(MODEL, { backend, onProgress: follow(get("bar"), get("status")) });
  }
  passages = split(get("text").value);
  const start = performance.now();
  say(get("status"), `Reading ${passages.length} passages …`);
  vectors = await model.embed(passages);
  say(get("status"), `${passages.length} passages in ${((performance.now() - start) / 1000).toFixed(1)} s on ${model.backend}.`);
  if (get("question").value !== "") await search();
}

async function search() {
  const [question] = await model.embed([get("question").value]);
  const score = (vector) => vector.reduce((sum, value, i) => sum + value * question[i], 0);
  const ranked = passages.map((text, i) => ({ text, score: score(vectors[i]) })).sort((a, b) => b.score - a.score);
  get("hits").replaceChildren(
    ...ranked.slice(0, SHOWN).map(({ text, score }) => {
      const [item, number, passage] = ["li", "span", "span"].map((name) => document.createElement(name));
      number.className = "score";
      number.textContent = `${Math.round(100 * Math.max(score, 0))} %`;
      passage.textContent = text;
      item.append(number, passage);
      return item;
    }),
  );
}

/** Lines, and long lines cut into sentences. */
function split(text) {
  const sentences = new Intl.Segmenter(undefined, { granularity: "sentence" });
  const cut = (line) => (line.length < 400 ? [line] : Array.from(sentences.segment(line), (part) => part.segment.trim()));
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "").flatMap(cut);
}
