// The bare demo: a picture, clicks, masks. Nothing here is needed to use the library.

import {
  type Answer,
  type BoxXyxy,
  type ImageEmbedding,
  type Point,
  Segmenter,
} from "../segmenter";
import { draw } from "./overlay";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const file = element<HTMLInputElement>("file");
const stage = element("stage");
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
  bitmap.close();
  stage.hidden = false;
  clear();
  const sam = await segmenter;
  say("Looking at the picture…");
  const start = performance.now();
  embedding = await (embedded ? sam.receive(embedded, { signal }) : sam.encode(image, { signal }));
  say(`Ready after ${Math.round(performance.now() - start)} ms. ${where(sam)}`);
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
  choices.replaceChildren(...buttons);
  draw(overlay, masks[number], points, box);
}

function clear(): void {
  asking.abort();
  [points, box, answer] = [[], null, null];
  show(0);
}

function at({ offsetX, offsetY }: MouseEvent): [x: number, y: number] {
  const [x, y] = [offsetX / overlay.clientWidth, offsetY / overlay.clientHeight];
  const inside = (share: number) => Math.min(Math.max(share, 0), 1);
  return [inside(x) * overlay.width, inside(y) * overlay.height];
}

const CLICK_PX = 4; // what moves less is no drag
let pressed: PointerEvent | null = null;

function dragged(event: PointerEvent): BoxXyxy | null {
  const far = Math.hypot(event.x - pressed!.x, event.y - pressed!.y) > CLICK_PX;
  if (!far || pressed!.button !== 0) return null;
  const [[x0, y0], [x1, y1]] = [at(pressed!), at(event)];
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

overlay.onpointerdown = (event) => {
  pressed = event;
  overlay.setPointerCapture(event.pointerId);
};
overlay.onpointermove = (event) => {
  if (pressed) draw(overlay, answer?.masks[chosen], points, dragged(event) ?? box);
};
overlay.onpointerup = (event) => {
  if (!pressed) return;
  const drawn = dragged(event);
  const background = pressed.button === 2 || pressed.shiftKey;
  pressed = null;
  const [x, y] = at(event);
  if (drawn) box = drawn;
  else points = [...points, { x, y, label: background ? 0 : 1 }];
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
  const [image] = file.files ?? [];
  if (image) void attempt(() => open(image));
};

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} can't be fetched: ${response.status}`);
  return response;
}

void attempt(async () => {
  const sam = await segmenter;
  say(where(sam));
  const [image, embedded] = [address.get("image"), address.get("embedding")];
  if (!image) return;
  const bytes = embedded ? await (await fetched(embedded)).arrayBuffer() : undefined;
  await open(await (await fetched(image)).blob(), bytes);
});
