// The shelf in the browser's database.

import type { Action } from "../api/types";
import type { DraftStep, DraftSteps } from "./draft";
import { answer, ended } from "./requests";
import type { Shelf, WaitingAction } from "./shelf";

const ACTIONS = "actions"; // {imageId, action} under a key that the database counts up
const STEPS = "draft steps"; // under [image, number]
const PLACES = "draft places"; // how many steps are not undone, under the image
const BY_IMAGE = "image";
const ALL = [ACTIONS, STEPS, PLACES];
const SCHEMA = 1;

interface Row {
  readonly imageId: number;
  readonly action: Action;
}

export class IndexedShelf implements Shelf {
  private constructor(private readonly database: IDBDatabase) {
    database.onversionchange = () => database.close(); // a newer page wants to change the schema
  }

  /** name: another one for each project and annotator. Throws where the browser has no database. */
  static async open(name: string, factory: IDBFactory = indexedDB): Promise<IndexedShelf> {
    const request = factory.open(name, SCHEMA);
    request.onupgradeneeded = () => {
      const { result: database } = request;
      const actions = database.createObjectStore(ACTIONS, { autoIncrement: true });
      actions.createIndex(BY_IMAGE, "imageId");
      for (const store of [STEPS, PLACES]) database.createObjectStore(store);
    };
    return new IndexedShelf(await answer(request));
  }

  putAction(imageId: number, action: Action, endsDraft: boolean): Promise<number> {
    return this.write((store) => {
      if (endsDraft) clearDraft(store, imageId);
      const row: Row = { imageId, action };
      return store(ACTIONS).add(row) as IDBRequest<number>;
    });
  }

  removeActions(keys: readonly number[]): Promise<void> {
    return this.write((store) => keys.forEach((key) => store(ACTIONS).delete(key)));
  }

  async replaceActions(imageId: number, actions: readonly Action[]): Promise<number[]> {
    const keys: number[] = [];
    await this.write((store) => {
      const old = store(ACTIONS).index(BY_IMAGE).getAllKeys(imageId);
      old.onsuccess = () => {
        for (const key of old.result) store(ACTIONS).delete(key);
        for (const action of actions) {
          const adding = store(ACTIONS).add({ imageId, action } satisfies Row);
          adding.onsuccess = () => keys.push(adding.result as number);
        }
      };
    });
    return keys;
  }

  async actions(imageId: number): Promise<WaitingAction[]> {
    const [keys, rows] = await this.read((store) => {
      const index = store(ACTIONS).index(BY_IMAGE);
      return [index.getAllKeys(imageId), index.getAll(imageId)] as const;
    });
    const actions = (rows.result as Row[]).map(({ action }) => action);
    return actions.map((action, i) => ({ key: keys.result[i] as number, action }));
  }

  async imagesWaiting(): Promise<number[]> {
    const images: number[] = [];
    await this.read((store) => {
      const cursors = store(ACTIONS).index(BY_IMAGE).openKeyCursor(null, "nextunique");
      cursors.onsuccess = () => {
        if (!cursors.result) return;
        images.push(cursors.result.key as number);
        cursors.result.continue();
      };
    });
    return images;
  }

  putDraftStep(imageId: number, number: number, step: DraftStep): Promise<void> {
    return this.write((store) => {
      store(STEPS).delete(IDBKeyRange.bound([imageId, number], [imageId, Infinity]));
      store(STEPS).put(step, [imageId, number]);
      store(PLACES).put(number + 1, imageId);
    });
  }

  moveDraft(imageId: number, at: number): Promise<void> {
    return this.write((store) => void store(PLACES).put(at, imageId));
  }

  endDraft(imageId: number): Promise<void> {
    return this.write((store) => clearDraft(store, imageId));
  }

  async draft(imageId: number): Promise<DraftSteps> {
    const [steps, place] = await this.read(
      (store) => [store(STEPS).getAll(stepsOf(imageId)), store(PLACES).get(imageId)] as const,
    );
    return { steps: steps.result as DraftStep[], at: (place.result as number | undefined) ?? 0 };
  }

  close(): void {
    this.database.close();
  }

  private read<T>(work: (store: Stores) => T): Promise<Result<T>> {
    return this.transact("readonly", work);
  }

  private write<T>(work: (store: Stores) => T): Promise<Result<T>> {
    return this.transact("readwrite", work);
  }

  /** Done when the disk has it: `strict` is what survives a lost power supply. */
  private async transact<T>(mode: IDBTransactionMode, work: (store: Stores) => T) {
    const transaction = this.database.transaction(ALL, mode, { durability: "strict" });
    const end = ended(transaction);
    const outcome = work((name) => transaction.objectStore(name));
    await end;
    return (isRequest(outcome) ? outcome.result : outcome) as Result<T>;
  }
}

type Stores = (name: string) => IDBObjectStore;
/** Of a request its result; all else as it is. */
type Result<T> = T extends IDBRequest<infer R> ? R : T;

function clearDraft(store: Stores, imageId: number): void {
  store(STEPS).delete(stepsOf(imageId));
  store(PLACES).delete(imageId);
}

function stepsOf(imageId: number): IDBKeyRange {
  return IDBKeyRange.bound([imageId, 0], [imageId, Infinity]);
}

function isRequest(outcome: unknown): outcome is IDBRequest {
  return typeof outcome === "object" && outcome !== null && "readyState" in outcome;
}
