// The bare demo: a picture, clicks, masks. Nothing here is needed to use the library.

import { Segmenter } from "../segmenter";
import type { Answer, BoxXyxy, ImageEmbedding, Point } from "../segmenter";
import { draw } from "./overlay";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const file = element<HTMLInputElement>("file");
const picture = element<HTMLCanvasElement>("picture");
const overlay = element<HTMLCanvasElement>("overlay");
const choices = element("choices");
const address = new URLSearchParams(location.search);

const segmenter = Segmenter.load(address.get("model") ?? "./models/mobile-sam/", {
  onProgress: ({ file, loadedBytes, totalBytes }) =>
    say(`Loading ${file}: ${Math.round((100 * loadedBytes) / totalBytes)} %`),
});
let embedding: ImageEmbedding | null = null;
let points: Point[] = [];
let box: BoxXyxy | null = null;
let answer: Answer | null = null;
let chosen = 0;
let opening = new AbortController();
let asking = new AbortController();

function say(text: string): void {
  element("status").textContent = text;
}

/** Do something, and show what goes wrong. */
async function attempt(action: () => Promise<void>): Promise<void> {
  const alert = element("error");
  try {
    await action();
    alert.hidden = true;
  } catch (error) {
    if ((error as Error).name === "AbortError") return; // somebody clicked on
    alert.textContent = (error as Error).message;
    alert.hidden = false;
    say("");
  }
}

async function open(image: Blob, embedded?: ArrayBuffer): Promise<void> {
  opening.abort();
  const { signal } = (opening = new AbortController());
  embedding?.close();
  embedding = null;
  const bitmap = await createImageBitmap(image);
  for (const canvas of [picture, overlay]) {
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  }
  picture.getContext("2d")!.drawImage(bitmap, 0, 0);
  element("stage").hidden = false;
  clear();
  const sam = await segmenter;
  say("Looking at the picture…");
  const start = performance.now();
  embedding = await (embedded ? sam.receive(embedded, { signal }) : sam.encode(image, { signal }));
  say(`Ready after ${Math.round(performance.now() - start)} ms. ${where(sam)}`);
  if (points.length || box) await ask(); // somebody did not wait
}

async function ask(): Promise<void> {
  if (!embedding) return;
  asking.abort();
  asking = new AbortController();
  const sam = await segmenter;
  const start = performance.now();
  const prompt = box ? { points, box } : { points };
  answer = await sam.predict(embedding, prompt, { signal: asking.signal });
  const { decodeMs, upsampleMs } = answer;
  show(0);
  const parts = `decoder ${decodeMs.toFixed(1)}, masks ${upsampleMs.toFixed(1)}`;
  say(`${(performance.now() - start).toFixed(1)} ms (${parts}). ${where(sam)}`);
}

function where({ name, backend, threads, notes }: Segmenter): string {
  const on = backend === "wasm" ? `wasm, ${threads} thread${threads > 1 ? "s" : ""}` : backend;
  return [`${name} on ${on}.`, ...notes.map((note) => `(${note})`)].join(" ");
}

function show(number: number): void {
  chosen = number;
  const masks = answer?.masks ?? [];
  const buttons = masks.map(({ predictedIou }, i) => {
    const button = document.createElement("button");
    button.textContent = `${i + 1}: ${predictedIou.toFixed(4)}`;
    button.ariaPressed = String(i === number);
    button.onclick = () => show(i);
    return button;
  });
  const focused = choices.contains(document.activeElement);
  choices.replaceChildren(...buttons);
  if (focused) buttons[number]?.focus();
  draw(overlay, masks[number], points, box);
}

function clear(): void {
  asking.abort();
  [points, box, answer] = [[], null, null];
  show(0);
}

function at({ offsetX, offsetY }: MouseEvent): [x: number, y: number] {
  const inside = (at: number, side: number) => Math.min(Math.max(at / side, 0), 1);
  const { width, height, clientWidth, clientHeight } = overlay;
  return [inside(offsetX, clientWidth) * width, inside(offsetY, clientHeight) * height];
}

const CLICK_PX = 4; // of the screen; what moves less is no drag
let pressed: { event: PointerEvent; from: [x: number, y: number] } | null = null;

/** The box of a drag so far. */
function dragged(event: PointerEvent): BoxXyxy | null {
  const { event: start, from } = pressed!;
  const far = Math.hypot(event.x - start.x, event.y - start.y) > CLICK_PX;
  if (!far || start.button !== 0) return null;
  const [[x0, y0], [x1, y1]] = [from, at(event)];
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

overlay.onpointerdown = (event) => {
  pressed = { event, from: at(event) };
  overlay.setPointerCapture(event.pointerId);
};
overlay.onpointermove = (event) => {
  if (pressed) draw(overlay, answer?.masks[chosen], points, dragged(event) ?? box);
};
overlay.onpointerup = (event) => {
  if (!pressed) return;
  const { button, shiftKey } = pressed.event;
  const [x, y] = pressed.from;
  const drawn = dragged(event);
  pressed = null;
  if (drawn) box = drawn;
  else points = [...points, { x, y, label: button === 2 || shiftKey ? 0 : 1 }];
  draw(overlay, answer?.masks[chosen], points, box);
  void attempt(ask);
};
overlay.onpointercancel = () => (pressed = null);
overlay.oncontextmenu = (event) => event.preventDefault();
document.onkeydown = ({ key }) => {
  if (key === "Escape") clear();
  else if (answer?.masks[Number(key) - 1]) show(Number(key) - 1);
};
file.onchange = () => {
  for (const image of file.files ?? []) void attempt(() => open(image));
};

async function fetched(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} can't be fetched: ${response.status}`);
  return response.blob();
}

void attempt(async () => {
  say(where(await segmenter));
  const [image, embedded] = [address.get("image"), address.get("embedding")];
  const bytes = embedded ? await (await fetched(embedded)).arrayBuffer() : undefined;
  if (image) await open(await fetched(image), bytes);
});
