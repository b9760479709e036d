// CPU time of a click in WebAssembly on one thread, for machines that do other things as well:
//
//     node --no-liftoff benchmarks/click_cpu.mjs EXPORT...
//
// Each folder is what `anymask export onnx` wrote, of any version; they take turns. A correction is
// a click with a mask. Medians of 20, in milliseconds.

import { readFileSync } from "node:fs";
import * as ort from "../web/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const RUNS = 20;
ort.env.wasm.numThreads = 1;
const noise = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i));
const tensor = (data, shape) => new ort.Tensor("float32", data, shape);
const embedding = tensor(noise(256 * 64 * 64), [1, 256, 64, 64]);
const mask = tensor(noise(256 * 256), [1, 1, 256, 256]);
const click = {
  point_coords: tensor(Float32Array.of(500, 375), [1, 1, 2]),
  point_labels: tensor(Float32Array.of(1), [1, 1]),
};

const open = (path) =>
  ort.InferenceSession.create(readFileSync(path), { logSeverityLevel: 3 });

async function side(folder) {
  const [prepare, answer] = [await open(`${folder}/prepare.onnx`), await open(`${folder}/click.onnx`)];
  const isOld = prepare.inputNames.includes("mask_input"); // there a mask prepares the image anew
  const has = (is) => (isOld ? { mask_input: mask, has_mask_input: tensor([is], [1]) } : {});
  const plain = await prepare.run({ image_embeddings: embedding, ...has(0) });
  const masking = isOld ? null : await open(`${folder}/mask.onnx`);
  const unmasked = Object.entries(plain).map(([name, value]) => [`${name}_unmasked`, value]);
  const taken = (given) => Object.fromEntries(answer.inputNames.map((name) => [name, given[name]]));
  const masked = () =>
    isOld
      ? prepare.run({ image_embeddings: embedding, ...has(1) })
      : masking.run({ ...Object.fromEntries(unmasked), mask_input: mask });
  return {
    folder,
    kinds: {
      prepare: () => prepare.run({ image_embeddings: embedding, ...has(0) }),
      click: () => answer.run(taken({ ...plain, ...click })),
      correction: async () => answer.run(taken({ ...(await masked()), ...click })),
    },
    times: { prepare: [], click: [], correction: [] },
  };
}

const sides = [];
for (const folder of process.argv.slice(2)) sides.push(await side(folder));
for (let run = -3; run < RUNS; run++) {
  for (const { kinds, times } of sides) {
    for (const [kind, ask] of Object.entries(kinds)) {
      const before = process.cpuUsage();
      await ask();
      const { user, system } = process.cpuUsage(before);
      if (run >= 0) times[kind].push((user + system) / 1000);
    }
  }
}
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1].toFixed(1);
for (const { folder, times } of sides) {
  const shown = Object.entries(times).map(([kind, all]) => `${kind} ${median(all)}`);
  console.log(`${folder}: ${shown.join(", ")}`);
}
process.exit(0);
