// The images of the folder as the list shows them, fetched page by page.

import type { Client } from "../api/client";
import type { ImageState, ImageSummary } from "../api/types";
import { Observable, type Readable } from "../observable";

const PAGE = 200;
const MOST_AT_ONCE = 1_000; // that the server gives

export interface CatalogueNow {
  readonly images: readonly ImageSummary[];
  readonly total: number;
  readonly state: ImageState | "";
  readonly text: string;
}

export class Catalogue {
  private readonly current = new Observable<CatalogueNow>({
    images: [],
    total: 0,
    state: "",
    text: "",
  });
  private after: string | null = null;
  private asking = new AbortController();
  private fetching: Promise<void> | null = null;

  constructor(private readonly client: Pick<Client, "images">) {}

  get now(): Readable<CatalogueNow> {
    return this.current;
  }

  /** List what fits. Throws ApiError. */
  async filter(state: ImageState | "", text: string): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    this.fetching = null;
    this.current.set({ ...this.current.value, state, text });
    await this.fetch(null);
  }

  /** Show what was listed before, while the server is away. */
  show(images: readonly ImageSummary[]): void {
    this.current.set({ ...this.current.value, images, total: images.length });
  }

  /** The next page, if there is one. */
  async more(): Promise<void> {
    if (this.fetching || this.after === null) return;
    await this.fetch(this.after);
  }

  /** See what others did to the images that are listed. Throws ApiError. */
  async refresh(): Promise<void> {
    if (this.fetching) return;
    const { signal } = this.asking;
    const { state, text, images: known } = this.current.value;
    const limit = Math.min(Math.max(known.length, PAGE), MOST_AT_ONCE);
    const page = await this.client.images({ state: state || undefined, text, limit }, signal);
    const { images } = this.current.value;
    if (signal.aborted || images.length !== known.length) return;
    const rest = images.slice(limit);
    if (!rest.length) this.after = page.next;
    this.current.set({
      ...this.current.value,
      images: [...page.images, ...rest],
      total: page.total,
    });
  }

  /** An image is other than the list has it. */
  update(changed: Partial<ImageSummary> & Pick<ImageSummary, "id">): void {
    const images = this.current.value.images.map((image) =>
      image.id === changed.id ? { ...image, ...changed } : image,
    );
    this.current.set({ ...this.current.value, images });
  }

  /** The image so many places away in the list; null at its ends. */
  async neighbour(id: number, by: 1 | -1): Promise<ImageSummary | null> {
    const at = this.current.value.images.findIndex((image) => image.id === id) + by;
    if (at < 0) return null;
    if (at >= this.current.value.images.length) await this.more();
    return this.current.value.images[at] ?? null;
  }

  private fetch(after: string | null): Promise<void> {
    const { signal } = this.asking;
    const { state, text } = this.current.value;
    const query = { state: state || undefined, text, after: after ?? undefined, limit: PAGE };
    const fetching = this.client.images(query, signal).then(({ images, next, total }) => {
      if (signal.aborted) return;
      this.after = next;
      const before = after === null ? [] : this.current.value.images;
      this.current.set({ ...this.current.value, images: [...before, ...images], total });
    });
    const end = () => void (this.fetching = null);
    this.fetching = fetching.then(end, end); // who asks is told what goes wrong
    return fetching;
  }
}
