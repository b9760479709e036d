// The time of one click in Chromium, on the processor alone.
//
//   npm run build && npm run bench -- PHOTOGRAPH [MODEL]
//
// MODEL is a folder in public/models (mobile-sam). $CHROMIUM names another browser. Prints JSON.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { chromium } from "playwright-core";
import { preview } from "vite";

const CLICKS = 50;
const WARM_UP = 15;

const [photograph, model = "mobile-sam"] = process.argv.slice(2);
if (!photograph) {
  console.error("usage: npm run bench -- PHOTOGRAPH [MODEL]");
  process.exit(2);
}

const server = await preview({ preview: { host: "127.0.0.1", port: 0 }, logLevel: "error" });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const results = [];
for (const threads of [1, 2, 4].filter((threads) => threads <= cpus().length)) {
  const page = await browser.newPage();
  await page.goto(new URL("test.html", server.resolvedUrls.local[0]).href);
  await page.waitForFunction(() => window.anymask);
  const image = readFileSync(photograph).toString("base64");
  const settings = { image, model, threads, CLICKS, WARM_UP };
  results.push(await page.evaluate(clicks, settings));
  await page.close();
}
const browserVersion = browser.version();
await browser.close();
await server.close();
console.log(
  JSON.stringify({ model, browserVersion, processor: cpus()[0].model, results }, null, 2),
);

/** Runs in the page. */
async function clicks({ image, model, threads, CLICKS, WARM_UP }) {
  const { Segmenter } = window.anymask;
  const timed = async (action) => {
    const start = performance.now();
    const result = await action();
    return [performance.now() - start, result];
  };
  const loading = Segmenter.load(`./models/${model}/`, { threads, executionProviders: ["wasm"] });
  const [loadMs, sam] = await timed(() => loading);
  const blob = await (await fetch(`data:image/jpeg;base64,${image}`)).blob();
  const [firstEncodeMs] = await timed(() => sam.encode(blob));
  const [encodeMs, embedding] = await timed(() => sam.encode(blob));
  const { width, height } = embedding;
  const rows = [];
  for (let i = -WARM_UP; i < CLICKS; i++) {
    const x = width * (0.5 + 0.3 * Math.sin(i));
    const y = height * (0.5 + 0.3 * Math.cos(i));
    const [clickMs, answer] = await timed(() => sam.predict(embedding, { points: [{ x, y }] }));
    if (i >= 0) rows.push({ clickMs, decodeMs: answer.decodeMs, upsampleMs: answer.upsampleMs });
  }
  const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[CLICKS / 2];
  const times = { loadMs, firstEncodeMs, encodeMs };
  for (const name of Object.keys(rows[0])) times[name] = median(name);
  const rounded = Object.entries(times).map(([name, ms]) => [name, Math.round(10 * ms) / 10]);
  return { threads: sam.threads, width, height, ...Object.fromEntries(rounded) };
}
