// The model in this browser, and the embeddings that the server computes for it.

import type { Client } from "../api/client";
import { Observable, type Readable } from "../observable";
import { type ImageEmbedding, type Progress, Segmenter } from "../../segmenter";

const ASK_AGAIN_MS = 400; // while the server is at it
const MOST_KEPT = 6; // embeddings: 4 MB each, and as much again in the worker

/** What an annotator waits for, in words; "" for nothing. */
export type Waiting = string;

interface Received {
  /** SHA-256 of the file that it is of; null before it is known. */
  file: string | null;
  readonly embedding: Promise<ImageEmbedding>;
}

export class Model {
  private readonly segmenter: Promise<Segmenter>;
  private readonly embeddings = new Map<number, Received>();
  private readonly wait = new Observable<Waiting>("loading the model…");
  /** Whether it could not be loaded. */
  isBroken = false;
  private current = 0; // the image that is waited for

  constructor(
    private readonly client: Pick<Client, "embedding">,
    folder = "./model/",
  ) {
    const loaded = new Map<string, number>();
    this.segmenter = Segmenter.load(folder, { onProgress: (news) => this.tell(news, loaded) });
    this.segmenter.then(
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
    return this.segmenter;
  }

  /**
   * The embedding of the image that is open; the others' stay for a while. file: SHA-256 of its file,
   * where that is known: an embedding of another one, which lay there before, is of no use.
   */
  async open(imageId: number, file?: string): Promise<ImageEmbedding> {
    this.current = imageId;
    const before = this.embeddings.get(imageId);
    if (file && before?.file && before.file !== file) this.forget(imageId, before);
    return this.embedding(imageId);
  }

  /** Have the embedding of an image that will probably be opened next. */
  prepare(imageId: number): void {
    this.embedding(imageId).catch(() => {});
  }

  private embedding(imageId: number): Promise<ImageEmbedding> {
    const received = this.embeddings.get(imageId) ?? this.receive(imageId);
    this.embeddings.delete(imageId);
    this.embeddings.set(imageId, received); // the latest last
    this.forgetOldest();
    return received.embedding;
  }

  private receive(imageId: number): Received {
    const received: Received = {
      file: null,
      embedding: this.fetch(imageId, (file) => (received.file = file)),
    };
    received.embedding.catch(() => {
      this.embeddings.delete(imageId);
      if (imageId === this.current) this.wait.set("");
    });
    return received;
  }

  private async fetch(imageId: number, onFile: (file: string) => void): Promise<ImageEmbedding> {
    const segmenter = await this.segmenter;
    for (;;) {
      const answer = await this.client.embedding(imageId);
      if ("bytes" in answer) {
        if (imageId === this.current) this.wait.set("");
        onFile(answer.file);
        return segmenter.receive(answer.bytes);
      }
      if (imageId === this.current) this.wait.set(wordsOf(answer.position));
      await new Promise((resume) => setTimeout(resume, ASK_AGAIN_MS));
      if (imageId !== this.current && !this.embeddings.has(imageId)) throw new Error("given up");
    }
  }

  private forget(imageId: number, { embedding }: Received): void {
    this.embeddings.delete(imageId);
    embedding.then((unneeded) => unneeded.close()).catch(() => {});
  }

  private forgetOldest(): void {
    for (const [imageId, received] of this.embeddings) {
      if (this.embeddings.size <= MOST_KEPT) return;
      this.forget(imageId, received);
    }
  }

  private tell({ file, loadedBytes, modelBytes }: Progress, loaded: Map<string, number>): void {
    loaded.set(file, loadedBytes);
    const sum = [...loaded.values()].reduce((a, b) => a + b, 0);
    const inMb = (bytes: number) => Math.round(bytes / 1e6);
    this.wait.set(`loading the model (${inMb(sum)} of ${inMb(modelBytes)} MB)…`);
  }
}

function wordsOf(position: number): Waiting {
  const before = position > 1 ? `, ${position - 1} before it` : "";
  return `the model looks at this image${before}…`;
}
