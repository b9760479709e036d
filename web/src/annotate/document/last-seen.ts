// What the server said last, for a page that begins while it is away: the project, its list, and the
// images that were opened, with all that was done to them since. Of one project and one annotator.

import type { Action, ImageDocument, ImageSummary, Project } from "../api/types";
import { answer, ended } from "./requests";

const NAME = "anymask seen";
const SCHEMA = 1;
const FACTS = "facts"; // the project, the list, under their names
const IMAGES = "images"; // by id
const ACTIONS = "actions"; // {imageId, action} under a key that the database counts up
const BY_TIME = "time";
const BY_IMAGE = "image";
const MOST_IMAGES = 30;

/** An image as it was opened, and what was done to it here since. */
export interface SeenImage {
  readonly document: ImageDocument;
  readonly actions: readonly Action[];
}

interface Row {
  readonly id: number;
  readonly at: number;
  readonly document: ImageDocument;
}

/** What is not kept is missed only while the server is away: writing throws nothing. */
export class LastSeen {
  private constructor(private readonly database: IDBDatabase) {
    database.onversionchange = () => database.close();
  }

  /** null where the browser has no database. */
  static async open(factory: IDBFactory = indexedDB): Promise<LastSeen | null> {
    try {
      const request = factory.open(NAME, SCHEMA);
      request.onupgradeneeded = () => {
        const { result: database } = request;
        database.createObjectStore(FACTS);
        database.createObjectStore(IMAGES, { keyPath: "id" }).createIndex(BY_TIME, "at");
        const actions = database.createObjectStore(ACTIONS, { autoIncrement: true });
        actions.createIndex(BY_IMAGE, "imageId");
      };
      return new LastSeen(await answer(request));
    } catch {
      return null;
    }
  }

  /** Keep a project; what was kept of another one, or of another annotator, goes. */
  async keepProject(project: Project): Promise<void> {
    const before = await this.project();
    const isSame = before?.id === project.id && before.annotator.id === project.annotator.id;
    if (!isSame) await this.clear();
    await this.write((store) => store(FACTS).put(project, "project"));
  }

  async project(): Promise<Project | null> {
    return this.read<Project>((store) => store(FACTS).get("project"));
  }

  keepList(images: readonly ImageSummary[]): Promise<void> {
    return this.write((store) => store(FACTS).put(images, "list"));
  }

  async list(): Promise<readonly ImageSummary[]> {
    const list = await this.read<ImageSummary[]>((store) => store(FACTS).get("list"));
    return list ?? [];
  }

  /** Keep an image as the server has it, and what it has not heard yet. */
  keepImage(document: ImageDocument, waiting: readonly Action[]): Promise<void> {
    const row: Row = { id: document.id, at: Date.now(), document };
    return this.write((store) => {
      store(IMAGES).put(row);
      forgetActions(store, document.id, () => {
        for (const action of waiting) store(ACTIONS).add({ imageId: document.id, action });
      });
      const byTime = store(IMAGES).index(BY_TIME).getAllKeys();
      byTime.onsuccess = () => {
        for (const id of byTime.result.slice(0, -MOST_IMAGES)) {
          store(IMAGES).delete(id);
          forgetActions(store, id as number);
        }
      };
    });
  }

  /** Keep what was done to an image that is kept. */
  keepAction(imageId: number, action: Action): Promise<void> {
    return this.write((store) => store(ACTIONS).add({ imageId, action }));
  }

  async image(imageId: number): Promise<SeenImage | null> {
    const row = await this.read<Row>((store) => store(IMAGES).get(imageId));
    if (!row) return null;
    const rows = await this.read<{ action: Action }[]>((store) =>
      store(ACTIONS).index(BY_IMAGE).getAll(imageId),
    );
    return { document: row.document, actions: (rows ?? []).map(({ action }) => action) };
  }

  /** The image that was opened last. */
  async latest(): Promise<number | null> {
    const keys = await this.read<IDBValidKey[]>((store) =>
      store(IMAGES).index(BY_TIME).getAllKeys(),
    );
    return (keys?.at(-1) as number | undefined) ?? null;
  }

  /** Forget all. */
  clear(): Promise<void> {
    return this.write((store) => [FACTS, IMAGES, ACTIONS].forEach((name) => store(name).clear()));
  }

  close(): void {
    this.database.close();
  }

  private async read<T>(ask: (store: Stores) => IDBRequest): Promise<T | null> {
    try {
      const transaction = this.database.transaction([FACTS, IMAGES, ACTIONS], "readonly");
      return (await answer(ask((name) => transaction.objectStore(name)))) as T;
    } catch {
      return null;
    }
  }

  private async write(work: (store: Stores) => unknown): Promise<void> {
    try {
      const transaction = this.database.transaction([FACTS, IMAGES, ACTIONS], "readwrite");
      const end = ended(transaction);
      work((name) => transaction.objectStore(name));
      await end;
    } catch {
      // No room, or the database is gone.
    }
  }
}

type Stores = (name: string) => IDBObjectStore;

function forgetActions(store: Stores, imageId: number, then: () => void = () => {}): void {
  const keys = store(ACTIONS).index(BY_IMAGE).getAllKeys(imageId);
  keys.onsuccess = () => {
    for (const key of keys.result) store(ACTIONS).delete(key);
    then();
  };
}
