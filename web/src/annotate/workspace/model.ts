// The model in this browser, and the embeddings that the server computes for it.
//
// When the engine has a better model, it is loaded beside the one in use, and takes its place between
// two images: an image is annotated with one model.

import type { Client } from "../api/client";
import { Observable, type Readable } from "../observable";
import { type ImageEmbedding, type Progress, Segmenter } from "../../segmenter";

const ASK_AGAIN_MS = 400; // while the server is at it
const MOST_KEPT = 6; // embeddings: 4 MB each, and as much again in the worker
const FIRST_FOLDER = "./model/";

/** What an annotator waits for, in words; "" for nothing. */
export type Waiting = string;

/** What is asked of the server. */
export type Server = Pick<Client, "embedding" | "model">;

type Load = typeof Segmenter.load;

export class Model {
  private readonly wait = new Observable<Waiting>("loading the model…");
  private current = 0; // the image that is waited for
  private now: Loaded;
  private next: Loaded | null = null;

  constructor(
    private readonly client: Server,
    private readonly load: Load = Segmenter.load,
  ) {
    const loaded = new Map<string, number>();
    this.now = this.loaded(FIRST_FOLDER, (news) => this.tell(news, loaded));
    this.now.segmenter.then(
      () => this.wait.set(""),
      (error: Error) => this.wait.set(error.message),
    );
  }

  get waiting(): Readable<Waiting> {
    return this.wait;
  }

  get ready(): Promise<Segmenter> {
    return this.now.segmenter;
  }

  /** Name and hash of the model that the open image is annotated with; null before it is loaded. */
  get id(): string | null {
    return this.now.id;
  }

  /** The embedding of the image that is open; the others' stay for a while. */
  async open(imageId: number): Promise<ImageEmbedding> {
    this.current = imageId;
    return this.embedding(this.now, imageId);
  }

  /** Have the embedding of an image that will probably be opened next. */
  prepare(imageId: number): void {
    this.embedding(this.next?.id ? this.next : this.now, imageId).catch(() => {});
  }

  /** Look whether the server has another model now, and load it beside this one. */
  async look(): Promise<void> {
    const { id, folder } = await this.client.model();
    if (!this.now.id || id === (this.next?.wanted ?? this.now.id)) return;
    this.next?.close();
    this.next = null;
    if (id === this.now.id) return;
    const next = (this.next = this.loaded(`./${folder}`, () => {}, id));
    next.segmenter.catch(() => {
      if (this.next === next) this.next = null; // the next look tries again
    });
  }

  /** Between two images: take the other model, if it is there. */
  move(): void {
    if (!this.next?.id) return;
    this.now.close();
    this.now = this.next;
    this.next = null;
  }

  private loaded(folder: string, onProgress: (news: Progress) => void, wanted = ""): Loaded {
    return new Loaded(this.load(folder, { onProgress }), wanted);
  }

  private embedding(loaded: Loaded, imageId: number): Promise<ImageEmbedding> {
    const kept = loaded.embeddings.get(imageId);
    const embedding = kept ?? this.receive(loaded, imageId);
    if (!kept) {
      embedding.catch(() => {
        loaded.embeddings.delete(imageId);
        if (imageId === this.current) this.wait.set("");
      });
    }
    loaded.keep(imageId, embedding);
    return embedding;
  }

  private async receive(loaded: Loaded, imageId: number): Promise<ImageEmbedding> {
    const segmenter = await loaded.segmenter;
    const isOpen = () => loaded === this.now && imageId === this.current;
    for (;;) {
      const answer = await this.client.embedding(imageId, segmenter.model);
      if (answer instanceof ArrayBuffer) {
        if (isOpen()) this.wait.set("");
        return segmenter.receive(answer);
      }
      if (isOpen()) this.wait.set(wordsOf(answer.position));
      await new Promise((resume) => setTimeout(resume, ASK_AGAIN_MS));
      if (!isOpen() && !loaded.embeddings.has(imageId)) throw new Error("given up");
    }
  }

  private tell({ file, loadedBytes, modelBytes }: Progress, loaded: Map<string, number>): void {
    loaded.set(file, loadedBytes);
    const sum = [...loaded.values()].reduce((a, b) => a + b, 0);
    const inMb = (bytes: number) => Math.round(bytes / 1e6);
    this.wait.set(`loading the model (${inMb(sum)} of ${inMb(modelBytes)} MB)…`);
  }
}

/** A model that is loaded, or is being, and embeddings that it reads. */
class Loaded {
  readonly embeddings = new Map<number, Promise<ImageEmbedding>>();
  /** Null until it is loaded. */
  id: string | null = null;

  constructor(
    readonly segmenter: Promise<Segmenter>,
    readonly wanted: string,
  ) {
    segmenter.then(
      ({ model }) => (this.id = model),
      () => {},
    );
  }

  /** Keep an embedding as the latest; the oldest go. */
  keep(imageId: number, embedding: Promise<ImageEmbedding>): void {
    this.embeddings.delete(imageId);
    this.embeddings.set(imageId, embedding);
    for (const [oldest, unneeded] of this.embeddings) {
      if (this.embeddings.size <= MOST_KEPT) return;
      this.embeddings.delete(oldest);
      unneeded.then((one) => one.close()).catch(() => {});
    }
  }

  close(): void {
    this.embeddings.clear();
    this.segmenter.then((segmenter) => segmenter.close()).catch(() => {});
  }
}

function wordsOf(position: number): Waiting {
  const before = position > 1 ? `, ${position - 1} before it` : "";
  return `the model looks at this image${before}…`;
}
