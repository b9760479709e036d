import { beforeEach, expect, it, vi } from "vitest";
import { Model } from "../../src/annotate/workspace/model";
import { Segmenter } from "../../src/segmenter";

let lies: string; // the file that the server has
let asked: number;
let closed: string[];
let model: Model;

beforeEach(() => {
  [lies, asked, closed] = ["old", 0, []];
  const receive = async (bytes: ArrayBuffer) => {
    const name = new TextDecoder().decode(bytes);
    return { name, close: () => closed.push(name) };
  };
  vi.spyOn(Segmenter, "load").mockResolvedValue({ receive } as unknown as Segmenter);
  const embedding = async () => {
    asked++;
    return { bytes: new TextEncoder().encode(lies).buffer as ArrayBuffer, file: lies };
  };
  model = new Model({ embedding });
});

it("an embedding is asked for once", async () => {
  model.prepare(1);
  expect(await model.open(1, "old")).toMatchObject({ name: "old" });
  expect(await model.open(1)).toMatchObject({ name: "old" });
  expect(asked).toBe(1);
});

it("one of a file that was replaced is asked for again", async () => {
  await model.open(1, "old");
  lies = "new";
  expect(await model.open(1, "new")).toMatchObject({ name: "new" });
  expect(await model.open(1)).toMatchObject({ name: "new" });
  expect([asked, closed]).toEqual([2, ["old"]]);
});
