// The folder that `anymask export onnx` writes: a list of what is in it, and ONNX files.

import { ModelError } from "./errors";
import type { Resize } from "./resize-map";

const LIST = "export.json";
const ENCODERS = [["encoder.safetensors"], ["encoder.onnx"]]; // one way of these, and of those:
const DECODERS = [["decoder.safetensors"], ["prepare.onnx", "mask.onnx", "click.onnx"]];
const FORMAT = 6; // the `anymask_export` that this code reads, and
const OLDEST = 3; // which has no encoder.safetensors; 4 and 5 have no decoder.safetensors
const RESIZES: readonly Resize[] = ["longest_side", "stretch"];

/** What `export.json` says, as far as the browser needs it. */
export interface ModelFacts {
  /** Name and hash of the weights; embeddings carry it. */
  readonly model: string;
  readonly name: string;
  readonly dtype: string;
  /** The decoder answers with one mask instead of four. */
  readonly singleMask: boolean;
  readonly inputPx: number;
  /** Channels, height, width. */
  readonly embeddingShape: readonly number[];
  readonly maskSide: number;
  /** Numbers of an embedding of text that it reads; 0 for a model that reads none. */
  readonly textWidth: number;
  readonly resize: Resize;
  readonly pixelMean: readonly number[];
  readonly pixelStd: readonly number[];
}

export interface Progress {
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Of all that the browser fetches of the model, the encoder included. */
  readonly modelBytes: number;
}

export type OnProgress = (progress: Progress) => void;

interface FileFacts {
  readonly sha256: string;
  readonly bytes: number;
}

export class ModelFolder {
  private constructor(
    private readonly url: URL,
    readonly facts: ModelFacts,
    private readonly files: Readonly<Record<string, FileFacts>>,
  ) {}

  /** Read the list. Throws ModelError. */
  static async open(url: URL): Promise<ModelFolder> {
    const list = new URL(LIST, url);
    const response = await fetched(list, { cache: "no-cache" }); // the files' addresses hang on it
    let given: Record<string, unknown>;
    try {
      given = await response.json();
    } catch {
      throw new ModelError(
        `${list.href} is not JSON; is there an export of anymask in the folder?`,
      );
    }
    const format = given?.["anymask_export"];
    if (typeof format === "number" && format > FORMAT) {
      throw new ModelError(
        `${list.href} has the format ${format}, and this page reads ${FORMAT}: ` +
          "reload the page, or export again with the anymask that it came with",
      );
    }
    if (typeof format === "number" && format < OLDEST) {
      throw new ModelError(
        `${list.href} was exported by an older anymask, in the format ${format}; this page reads ` +
          `${OLDEST} and later: export the model again`,
      );
    }
    if (typeof format !== "number") throw new ModelError(`${list.href} is no export of anymask`);
    try {
      return new ModelFolder(url, readFacts(given), readFiles(given));
    } catch (error) {
      throw new ModelError(`${list.href} is damaged: ${(error as Error).message}`);
    }
  }

  /** Whether it is one of the model's files. */
  has(file: string): boolean {
    return file in this.files;
  }

  /** Of several ways the one that a file is of, or else the first that is here. */
  private wayOf(ways: readonly string[][], file: string): readonly string[] {
    const own = ways.find((way) => way.includes(file));
    return own ?? ways.find(([first]) => this.has(first)) ?? [];
  }

  private bytesOf(file: string): number {
    return this.files[file]?.bytes ?? 0;
  }

  /** Fetch a file and prove it by its sha256. Throws ModelError. */
  async read(file: string, onProgress: OnProgress): Promise<Uint8Array<ArrayBuffer>> {
    const facts = this.files[file];
    if (!facts) throw new ModelError(`the model ${this.facts.name} has no ${file}`);
    const ways = [ENCODERS, DECODERS].flatMap((ways) => this.wayOf(ways, file));
    const modelBytes = ways.reduce((sum, name) => sum + this.bytesOf(name), 0);
    const url = new URL(file, this.url);
    url.searchParams.set("sha256", facts.sha256.slice(0, 16)); // an older one may be in the cache
    const response = await fetched(url);
    const bytes = await body(response, facts.bytes, (loadedBytes) =>
      onProgress({ file, loadedBytes, totalBytes: facts.bytes, modelBytes }),
    );
    // Pages of plain http have no crypto; the length was right at least.
    if (globalThis.crypto?.subtle && (await sha256(bytes)) !== facts.sha256) {
      throw new ModelError(`${url.href} is damaged: its sha256 is not the one of ${LIST}`);
    }
    return bytes;
  }
}

async function fetched(url: URL, options?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    throw new ModelError(`${url.href} can't be fetched: ${(error as Error).message}`);
  }
  if (!response.ok) throw new ModelError(`${url.href} can't be fetched: ${response.status}`);
  return response;
}

/** The whole body, `total` bytes and no more. */
async function body(
  response: Response,
  total: number,
  onLoaded: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(total);
  const reader = response.body!.getReader();
  let loaded = 0;
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (loaded + chunk.value.length > total) throw new Error(`more than ${total} bytes`);
      bytes.set(chunk.value, loaded);
      loaded += chunk.value.length;
      onLoaded(loaded);
    }
    if (loaded < total) throw new Error(`${loaded} of ${total} bytes`);
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw new ModelError(`${response.url} did not arrive whole: ${(error as Error).message}`);
  }
  return bytes;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readFacts(given: Record<string, unknown>): ModelFacts {
  const facts: ModelFacts = {
    model: text(given, "model"),
    name: text(given, "name"),
    dtype: text(given, "dtype"),
    singleMask: given["single_mask"] === true,
    inputPx: numbers([given["input_px"]], "input_px", 1)[0],
    embeddingShape: numbers(given["embedding_shape"], "embedding_shape", 3),
    maskSide: numbers([given["mask_side"]], "mask_side", 1)[0],
    textWidth: textWidth(given["text"]),
    resize: given["resize"] as Resize,
    pixelMean: numbers(given["pixel_mean"], "pixel_mean", 3),
    pixelStd: numbers(given["pixel_std"], "pixel_std", 3),
  };
  if (!RESIZES.includes(facts.resize)) {
    throw new Error(`resize must be one of ${RESIZES.join(", ")}, not ${facts.resize}`);
  }
  if (facts.maskSide > facts.inputPx) throw new Error("its masks are larger than its input");
  return facts;
}

function textWidth(given: unknown): number {
  if (given === undefined) return 0;
  return numbers([(given as Record<string, unknown>)?.["width"]], "the width of text", 1)[0];
}

function readFiles(given: Record<string, unknown>): Record<string, FileFacts> {
  const files = given["files"] as Record<string, Record<string, unknown>>;
  const read = Object.entries(files ?? {}).map(([name, facts]) => {
    const [bytes] = numbers([facts["bytes"]], `bytes of ${name}`, 1);
    return [name, { bytes, sha256: text(facts, "sha256") }] as const;
  });
  return Object.fromEntries(read);
}

function text(given: Record<string, unknown>, name: string): string {
  const value = given[name];
  if (typeof value !== "string") throw new Error(`${name} must be text, not ${value}`);
  return value;
}

function numbers(value: unknown, name: string, count: number): number[] {
  const fit = Array.isArray(value) && value.length === count && value.every(Number.isFinite);
  if (!fit) throw new Error(`${name} must be ${count > 1 ? `${count} numbers` : "a number"}`);
  return value;
}
