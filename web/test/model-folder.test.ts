import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ModelError } from "../src/segmenter/errors";
import { ModelFolder, type Progress } from "../src/segmenter/model-folder";

const URL_OF = new URL("http://models.test/tiny/");
const DECODER = Buffer.from("a decoder");
const LIST = {
  anymask_export: 5,
  name: "tiny",
  model: "tiny@0123",
  dtype: "float32",
  single_mask: false,
  input_px: 64,
  embedding_shape: [8, 4, 4],
  mask_side: 16,
  resize: "longest_side",
  pixel_mean: [1, 2, 3],
  pixel_std: [4, 5, 6],
  files: {
    "decoder.onnx": {
      sha256: createHash("sha256").update(DECODER).digest("hex"),
      bytes: DECODER.length,
    },
  },
};

afterEach(() => vi.unstubAllGlobals());

/** A server of some files; returns the addresses that were asked for. */
function serveFiles(files: Record<string, unknown>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: URL) => {
    asked.push(url.href);
    const body = files[url.pathname.replace("/tiny/", "")];
    if (body === undefined) return new Response("not there", { status: 404 });
    return new Response(Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body));
  });
  return asked;
}

const open = (list: unknown) => {
  serveFiles({ "export.json": list });
  return ModelFolder.open(URL_OF);
};

describe("a model folder", () => {
  it("says what the model is", async () => {
    const { facts } = await open({ ...LIST, resize: "stretch", single_mask: true, unknown: 1 });
    expect(facts).toMatchObject({ model: "tiny@0123", singleMask: true, resize: "stretch" });
    expect(facts).toMatchObject({ inputPx: 64, maskSide: 16, embeddingShape: [8, 4, 4] });
    expect(facts.textWidth).toBe(0);
    const reads = await open({ ...LIST, text: { width: 384, space: "sentences" } });
    expect(reads.facts.textWidth).toBe(384);
    await expect(open({ ...LIST, text: { width: "wide" } })).rejects.toThrow("the width of text");
  });

  it("gives its files, and tells how far they are", async () => {
    const asked = serveFiles({ "export.json": LIST, "decoder.onnx": DECODER });
    const news: Progress[] = [];
    const folder = await ModelFolder.open(URL_OF);
    const bytes = await folder.read("decoder.onnx", (progress) => news.push(progress));
    expect(Buffer.from(bytes)).toEqual(DECODER);
    expect(news.at(-1)).toEqual({
      file: "decoder.onnx",
      loadedBytes: 9,
      totalBytes: 9,
      modelBytes: 0,
    });
    const hash = LIST.files["decoder.onnx"].sha256.slice(0, 16);
    expect(asked.at(-1)).toBe(`http://models.test/tiny/decoder.onnx?sha256=${hash}`);
  });

  it.each([
    ["decoder.safetensors", 20 + 300],
    ["click.onnx", 1 + 4000 + 300],
    ["encoder.onnx", 20 + 50000],
  ])("counts what is fetched with %s", async (file, expected) => {
    const sizes = {
      "prepare.onnx": 1,
      "decoder.safetensors": 20,
      "click.onnx": 4000,
      "encoder.safetensors": 300,
      "encoder.onnx": 50000,
    };
    const files = Object.entries(sizes).map(([name, bytes]) => [name, { bytes, sha256: "0" }]);
    const list = { ...LIST, files: Object.fromEntries(files) };
    serveFiles({ "export.json": list, [file]: Buffer.from("a") });
    const folder = await ModelFolder.open(URL_OF);
    const news: Progress[] = [];
    await folder.read(file, (progress) => news.push(progress)).catch(() => {});
    expect(news[0].modelBytes).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ["missing", undefined, "http://models.test/tiny/export.json can't be fetched: 404"],
    ["a web page", Buffer.from("<!doctype html>"), "is not JSON; is there an export of anymask"],
    ["of something else", { hello: 1 }, "is no export of anymask"],
    ["null", null, "is no export of anymask"],
    ["of the future", { ...LIST, anymask_export: 7 }, "has the format 7, and this page reads 6"],
    ["of the past", { ...LIST, anymask_export: 2 }, "by an older anymask, in the format 2"],
    ["without a model", { ...LIST, model: undefined }, "damaged: model must be text"],
    ["of another resizing", { ...LIST, resize: "crop" }, "resize must be one of longest_side"],
    ["short of numbers", { ...LIST, pixel_mean: [1, 2] }, "pixel_mean must be 3 numbers"],
    ["of odd sides", { ...LIST, mask_side: 65 }, "its masks are larger than its input"],
    ["of files without size", { ...LIST, files: { a: {} } }, "bytes of a must be a number"],
  ])("is refused if its list is %s", async (_, list, message) => {
    const failure = await open(list).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toContain(message);
  });

  it.each<[string, Buffer | undefined, string]>([
    ["missing", undefined, "can't be fetched: 404"],
    ["short", DECODER.subarray(1), "did not arrive whole: 8 of 9 bytes"],
    ["long", Buffer.concat([DECODER, DECODER]), "did not arrive whole: more than 9 bytes"],
    ["changed", Buffer.from("a dec0der"), "is damaged: its sha256 is not the one of export.json"],
  ])("refuses a file that is %s", async (_, file, message) => {
    serveFiles({ "export.json": LIST, "decoder.onnx": file });
    const folder = await ModelFolder.open(URL_OF);
    const failure = await folder.read("decoder.onnx", () => {}).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toContain(message);
  });

  it("says which file the model lacks", async () => {
    const folder = await open(LIST);
    await expect(folder.read("encoder.onnx", () => {})).rejects.toThrow("tiny has no encoder.onnx");
  });

  it("says so when the network is down", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(ModelFolder.open(URL_OF)).rejects.toThrow("can't be fetched: Failed to fetch");
  });
});
