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
  /** Whether it could not be loaded. */
  isBroken = false;
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
      (error: Error) => {
        this.isBroken = true;
        this.wait.set(error.message);
      },
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

  /**
   * The embedding of the image that is open; the others' stay for a while. file: SHA-256 of its file,
   * where that is known: an embedding of another one, which lay there before, is of no use.
   */
  async open(imageId: number, file?: string): Promise<ImageEmbedding> {
    this.current = imageId;
    const before = this.now.embeddings.get(imageId);
    if (file && before?.file && before.file !== file) this.now.forget(imageId, before);
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
    const received = loaded.embeddings.get(imageId) ?? this.receive(loaded, imageId);
    loaded.keep(imageId, received);
    return received.embedding;
  }

  private receive(loaded: Loaded, imageId: number): Received {
    const received: Received = {
      file: null,
      embedding: this.fetch(loaded, imageId, (file) => (received.file = file)),
    };
    received.embedding.catch(() => {
      loaded.embeddings.delete(imageId);
      if (imageId === this.current) this.wait.set("");
    });
    return received;
  }

  private async fetch(
    loaded: Loaded,
    imageId: number,
    onFile: (file: string) => void,
  ): Promise<ImageEmbedding> {
    const segmenter = await loaded.segmenter;
    const isOpen = () => loaded === this.now && imageId === this.current;
    for (;;) {
      const answer = await this.client.embedding(imageId, segmenter.model);
      if ("bytes" in answer) {
        if (isOpen()) this.wait.set("");
        onFile(answer.file);
        return segmenter.receive(answer.bytes);
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

interface Received {
  /** SHA-256 of the file that it is of; null before it is known. */
  file: string | null;
  readonly embedding: Promise<ImageEmbedding>;
}

/** A model that is loaded, or is being, and embeddings that it reads. */
class Loaded {
  readonly embeddings = new Map<number, Received>();
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
  keep(imageId: number, received: Received): void {
    this.embeddings.delete(imageId);
    this.embeddings.set(imageId, received);
    for (const [oldest, unneeded] of this.embeddings) {
      if (this.embeddings.size <= MOST_KEPT) return;
      this.forget(oldest, unneeded);
    }
  }

  forget(imageId: number, { embedding }: Received): void {
    this.embeddings.delete(imageId);
    embedding.then((unneeded) => unneeded.close()).catch(() => {});
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
