// The page: a picture, clicks, masks, and what can be saved of them. Nothing here is needed to use
// the library.

import { type ImageEmbedding, type Mask, type Progress, Segmenter } from "../segmenter";
import { cleaned } from "./clean";
import { type Choice, choicesOf, surest } from "../segmenter";
import { takePictures } from "./intake";
import { Questions } from "./question";
import { type ReadOptions, type Reading, readPicture } from "./reading";
import { type Kind, save } from "./save";
import { Stage } from "./stage";

const SMALL_PX = 160; // pictures up to here are shown larger

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const choiceButtons = element("choices");
const saveButtons = [...element("save").querySelectorAll("button")];
const undoButton = element<HTMLButtonElement>("undo");
const anewButton = element<HTMLButtonElement>("anew");
const removesButton = element<HTMLButtonElement>("removes");
const cleanSwitch = element<HTMLInputElement>("clean");
const address = new URLSearchParams(location.search);

const questions = new Questions();
const stage = new Stage(element("picture"), element("overlay"), {
  onPoint: (point) => changed(() => questions.addPoint(point)),
  onBox: (box) => changed(() => questions.setBox(box)),
});
let name = "";
let embedding: ImageEmbedding | null = null;
let choices: Choice[] = [];
let chosen = 0;
let opening = new AbortController();
let asking = new AbortController();
let loading = true;

const loaded = new Map<string, number>(); // bytes of each file of the model
const segmenter = Segmenter.load(address.get("model") ?? "./model/", { onProgress: showLoading });

// --- words

function say(text: string): void {
  element("status").textContent = text;
}

function showLoading({ file, loadedBytes, totalBytes, modelBytes }: Progress): void {
  loaded.set(file, loadedBytes);
  const bytes = [...loaded.values()].reduce((a, b) => a + b, 0);
  const inMb = (bytes: number) => Math.round(bytes / 1e6);
  if (!loading) return;
  if (bytes === modelBytes)
    say("looking at the picture…"); // the encoder comes last
  else if (loadedBytes === totalBytes) say("starting the model…");
  else say(`loading the model (${inMb(bytes)} of ${inMb(modelBytes)} MB)…`);
}

/** Show what goes wrong, until something of the kind goes right. */
async function attempt(place: "picture-error" | "error", action: () => Promise<void>) {
  const alert = element(place);
  try {
    await action();
    alert.hidden = true;
  } catch (error) {
    if ((error as Error).name === "AbortError") return; // somebody went on
    complain(place, (error as Error).message);
  }
}

function complain(place: "picture-error" | "error", line: string): void {
  const alert = element(place);
  alert.textContent = line;
  alert.hidden = false;
  say(embedding ? `ready: click what you want in ${name}` : "");
}

// --- a picture

const readingForm = element<HTMLFormElement>("reading");
let brought: { file: File; note: string } | null = null;

/** Take a picture that somebody brought, as its file says that it is to be read. */
function open(file: File, note: string): Promise<void> {
  brought = { file, note };
  readingForm.hidden = true;
  readingForm.reset();
  return read(file, note);
}

/** Read it; that of before stays if this one can't be read. */
async function read(file: File, note: string): Promise<void> {
  opening.abort();
  const { signal } = (opening = new AbortController());
  const options = Object.fromEntries(new FormData(readingForm)) as unknown as ReadOptions;
  await attempt("picture-error", async () => {
    say(`reading ${file.name}…`);
    const reading = await readPicture(file, options, signal, () => (readingForm.hidden = false));
    signal.throwIfAborted();
    show(reading, note);
  });
  if (signal.aborted || embedding || !name) return;
  await attempt("error", () => look(signal));
}

let content: Blob;

function show(reading: Reading, note: string): void {
  ({ name, content } = reading);
  const { width, height } = reading.bitmap;
  embedding?.close();
  embedding = null;
  asking.abort();
  questions.clear();
  element("stage").classList.toggle("small", Math.max(width, height) <= SMALL_PX);
  element("stage").hidden = false;
  stage.setPicture(reading.bitmap);
  element("caption").textContent = `${name}, ${width}×${height}${note && ` (${note})`}`;
  showChoices([]);
}

async function look(signal: AbortSignal): Promise<void> {
  if (loading) say("loading the model…");
  const sam = await segmenter;
  if (!loading) say("looking at the picture…");
  const seen = await sam.encode(content, { signal });
  loading = false;
  embedding = seen;
  showMachine(sam);
  say("ready: click what you want");
  if (!questions.isEmpty) await ask(); // somebody did not wait
}

function showMachine({ name, backend, threads, notes }: Segmenter): void {
  const on = backend === "wasm" ? `processor, ${threads} thread${threads > 1 ? "s" : ""}` : "card";
  const words = [`${name} on this computer's ${on}.`, ...notes.map((note) => `(${note})`)];
  element("machine").textContent = words.join(" ");
}

// --- questions and answers

function changed(change: () => void): void {
  change();
  if (questions.isEmpty) asking.abort();
  stage.show(questions.now, chosenMask());
  showTools();
  if (questions.isEmpty) showChoices([]);
  else void attempt("error", ask);
}

async function ask(): Promise<void> {
  if (!embedding) return;
  asking.abort();
  asking = new AbortController();
  const sam = await segmenter;
  const start = performance.now();
  const answer = await sam.predict(embedding, questions.prompt(), { signal: asking.signal });
  showChoices(choicesOf(answer.masks));
  say(`${wordsOf(choices)} after ${Math.round(performance.now() - start)} ms`);
}

function wordsOf({ length }: readonly Choice[]): string {
  return length === 1 ? "one mask" : `${length} masks`;
}

function showChoices(next: Choice[]): void {
  choices = next;
  choose(next.length ? surest(next) : 0);
}

function choose(number: number): void {
  chosen = number;
  const buttons = choices.map(({ name, mask }, i) => {
    const button = document.createElement("button");
    button.textContent = `${i + 1}  ${name}  ${mask.predictedIou.toFixed(2)}`;
    button.title = `How well the model thinks that it fits: ${mask.predictedIou.toFixed(4)} of 1`;
    button.ariaPressed = String(i === number);
    button.onclick = () => choose(i);
    return button;
  });
  const focused = choiceButtons.contains(document.activeElement);
  choiceButtons.replaceChildren(...buttons);
  if (focused) buttons[number]?.focus();
  stage.show(questions.now, chosenMask());
  showTools();
}

/** What is shown and saved: without specks and pinholes while the switch is on. */
function chosenMask(): Mask | null {
  const mask = choices[chosen]?.mask ?? null;
  return mask && cleanSwitch.checked ? cleaned(mask) : mask;
}

function showTools(): void {
  undoButton.disabled = anewButton.disabled = questions.isEmpty;
  for (const button of saveButtons) button.disabled = !choices[chosen]?.mask.area;
}

// --- what a hand does beside the picture

for (const button of saveButtons) {
  button.onclick = () =>
    attempt("error", () =>
      save(button.dataset["kind"] as Kind, chosenMask()!, stage.picture, name),
    );
}
undoButton.onclick = () => changed(() => questions.undo());
anewButton.onclick = () => changed(() => questions.clear());
removesButton.onclick = () => {
  stage.removes = !stage.removes;
  removesButton.ariaPressed = String(stage.removes);
  removesButton.textContent = stage.removes ? "Clicks remove" : "Clicks add";
};
cleanSwitch.onchange = () => stage.show(questions.now, chosenMask());
readingForm.onsubmit = (event) => {
  event.preventDefault();
  if (brought) void read(brought.file, brought.note);
};
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey } = event;
  if (readingForm.contains(event.target as Node)) return; // somebody writes
  if (ctrlKey || metaKey) {
    if (key === "z") changed(() => questions.undo());
  } else if (key === "Escape") changed(() => questions.clear());
  else if (choices[Number(key) - 1]) choose(Number(key) - 1);
});
takePictures(
  element("file"),
  (file, note) => void open(file, note),
  (line) => complain("picture-error", line),
);

// --- the beginning

/** What the address names, or the server's sample; null where there is neither. */
async function beginning(): Promise<File | null> {
  const named = address.get("image");
  const response = await fetch(named ?? "./sample").catch(() => null);
  if (response?.ok) {
    const given = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
    return new File([await response.blob()], given?.[1] ?? named?.split("/").at(-1) ?? "sample");
  }
  if (named) throw new Error(`${named} can't be fetched: ${response?.status ?? "no answer"}`);
  return null;
}

void attempt("error", async () => {
  say("loading the model…");
  await segmenter;
  if (!name) say("ready: choose a picture");
});
void attempt("picture-error", async () => {
  const sample = await beginning();
  if (sample && !name) void open(sample, address.has("image") ? "" : "a sample");
});
