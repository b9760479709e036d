// The server's contract in memory, behind `fetch`: what it keeps, what it refuses, and how it fails.

import type {
  Action,
  ActionKind,
  Change,
  ErrorKind,
  ImageDocument,
  ImageState,
  Label,
  LogEntry,
  Mask,
  Note,
  Version,
} from "../../src/annotate/api/types";
import { entryOf, stacks, stateAfter } from "../../src/annotate/document/log";
import { uuid4 } from "../../src/annotate/document/uuid";

const creates = ({ before, after }: Change) => !before && after !== null;
const removes = ({ before, after }: Change) => before !== null && !after;
const alters = ({ before, after }: Change) => before !== null && after !== null;
const does = ({ before, after }: Change) => before !== null || after !== null;

/** The changes that each kind of action makes. */
export const SHAPES: Readonly<Record<ActionKind, (change: Change) => boolean>> = {
  add: creates,
  duplicate: creates,
  import: creates,
  delete: removes,
  edit: alters,
  label: alters,
  reorder: alters,
  suggest: creates,
  withdraw: removes,
  automatic: (change) => creates(change) || removes(change),
  accept: alters,
  reject: removes,
  merge: does,
  split: does,
  undo: does,
  redo: does,
  state: () => false,
};

/** `down`: no answer and nothing done; `lost`: done, and the answer lost. */
export type Fault = "down" | "lost" | { status: number; kind?: ErrorKind; error?: string } | null;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: any; // what a client sent, whatever that is
  readonly annotator: string;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly kind: ErrorKind,
    message: string,
    readonly more: object = {},
  ) {
    super(message);
  }
}

class StoredImage {
  state: ImageState = "new";
  masks = new Map<string, Version>();
  versions = new Map<string, Version>();
  log: LogEntry[] = [];
  actions: Action[] = [];
  notes: Note[] = [];
  lease: { annotator: string; token: string } | null = null;

  constructor(
    readonly id: number,
    readonly name: string,
  ) {}

  get list(): Mask[] {
    return [...this.masks].map(([id, version]) => ({ id, version }));
  }

  document(): ImageDocument {
    const lease = this.lease && { annotator: this.lease.annotator, expires_at: "2100-01-01" };
    const facts = { id: this.id, name: this.name, width: 80, height: 60, state: this.state };
    const times = { annotator: null, updated_at: "2026-01-01T00:00:00Z", lease, fault: null };
    const suggestions = this.list.filter(({ version }) => version.is_suggested).length;
    const lists = { masks: this.list, suggestions, log: [...this.log], notes: this.notes };
    return { ...facts, ...times, ...lists, ...FILE, revision: this.log.length, is_audited: false };
  }

  act(annotator: string, actions: readonly Action[]): void {
    const masks = new Map(this.masks);
    const versions = new Map(this.versions);
    const log = [...this.log];
    const fresh = actions.filter(({ id }) => !log.some((entry) => entry.id === id));
    for (const action of fresh) {
      checkShape(action);
      this.checkTurn(log, action);
      for (const { mask_id, before, after } of action.changes) {
        if ((masks.get(mask_id)?.id ?? null) !== before) throw this.conflict(actions);
        if (after) masks.set(mask_id, after);
        else masks.delete(mask_id);
        if (after) versions.set(after.id, after);
      }
      log.push(entryOf(action, log.length + 1, annotator));
      this.state = stateAfter(this.state, action, log);
    }
    this.actions.push(...fresh);
    [this.masks, this.versions, this.log] = [masks, versions, log];
  }

  private checkTurn(log: readonly LogEntry[], { kind, target }: Action): void {
    if (kind !== "undo" && kind !== "redo") return;
    if (stacks(log)[kind].at(-1) !== target) throw this.conflict([]);
  }

  private conflict(actions: readonly Action[]): Refusal {
    const ids = actions.flatMap(({ changes }) => changes.map(({ mask_id }) => mask_id));
    const masks = Object.fromEntries(ids.map((id) => [id, this.masks.get(id) ?? null]));
    const more = { masks, revision: this.log.length };
    return new Refusal(409, "conflict", "the masks have changed", more);
  }
}

/** What lies there, always. */
const FILE = { file: "a file", is_replaced: false };

export class FakeServer {
  readonly images = new Map<number, StoredImage>();
  labels: Label[] = [];
  /** Requests as they came, such as `POST /api/images/1/actions`. */
  readonly heard: string[] = [];
  /** How the next requests fail; asked at each. */
  fault: (request: string) => Fault = () => null;
  /** Awaited before each answer. */
  gate: Promise<void> | null = null;
  underWay = 0;
  mostUnderWay = 0;

  constructor(names: readonly string[] = ["dog.jpg", "cat.jpg"]) {
    names.forEach((name, i) => this.images.set(i + 1, new StoredImage(i + 1, name)));
  }

  image(id = 1): StoredImage {
    const image = this.images.get(id);
    if (!image) throw new Refusal(404, "not_found", `there is no image ${id}`);
    return image;
  }

  /** A `fetch` for the page of one annotator. */
  fetchFor(annotator: string): typeof fetch {
    return async (input, init = {}) => {
      this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
      try {
        return await this.answer(annotator, String(input), init);
      } finally {
        this.underWay--;
      }
    };
  }

  private async answer(annotator: string, url: string, init: RequestInit): Promise<Response> {
    const { pathname: path, searchParams: query } = new URL(url, "http://127.0.0.1");
    const method = init.method ?? "GET";
    const request = `${method} ${path}`;
    this.heard.push(request);
    const fault = this.fault(request);
    await Promise.resolve(); // an answer takes a moment
    if (this.gate) await this.gate;
    if (fault === "down") throw new TypeError("Failed to fetch");
    if (typeof fault === "object" && fault) return Response.json(fault, { status: fault.status });
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const response = this.respond({ method, path, query, body, annotator });
    if (fault === "lost") throw new TypeError("Failed to fetch");
    return response;
  }

  private respond(call: Call): Response {
    try {
      return Response.json(structuredClone(this.route(call)) ?? null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { message, kind, more, status } = error;
      return Response.json({ error: message, kind, ...more }, { status });
    }
  }

  private route(call: Call): unknown {
    const { method, path, query, body } = call;
    if (path === "/api/project") return this.project(call.annotator);
    if (path === "/api/labels") return (this.labels = body);
    if (path === "/api/images") return this.list(query);
    const [, id, rest = ""] = /^\/api\/images\/(\d+)\/?(.*)$/.exec(path) ?? [];
    if (id === undefined) throw new Refusal(404, "not_found", `there is no ${path}`);
    const image = this.image(Number(id));
    if (rest === "") return image.document();
    if (rest === "lease") return method === "POST" ? lease(image, call) : release(image, call);
    if (rest === "actions") return act(image, call);
    if (rest === "versions") {
      return query
        .get("ids")!
        .split(",")
        .map((version) => image.versions.get(version)!);
    }
    throw new Refusal(404, "not_found", `there is no ${path}`);
  }

  private project(annotator: string) {
    return {
      id: "8a0ff1ab-6d2c-4bd0-9f3d-55d8f1f6a8f0",
      name: "animals",
      annotator: { id: 1, name: annotator, role: "admin" },
      model_id: "tiny",
      labels: this.labels,
      images: this.images.size,
    };
  }

  private list(query: URLSearchParams) {
    const state = query.get("state");
    const all = [...this.images.values()].filter((image) => !state || image.state === state);
    const images = all.map((image) => ({ ...image.document(), masks: image.masks.size }));
    return { images, next: null, total: images.length };
  }
}

function checkShape({ kind, target, state, changes }: Action): void {
  const isTurn = kind === "undo" || kind === "redo";
  const isSound =
    changes.every(SHAPES[kind]) &&
    changes.length > 0 === (kind !== "state") &&
    (target !== null) === isTurn &&
    (state !== undefined) === (kind === "state") &&
    new Set(changes.map(({ mask_id }) => mask_id)).size === changes.length;
  if (!isSound) throw new Refusal(422, "invalid", `the changes are none that ${kind} makes`);
}

/** An annotator's newest page takes the image from their older one. */
function lease(image: StoredImage, { annotator, body }: Call) {
  const { lease: held } = image;
  const isOthers = held && held.token !== body.token && held.annotator !== annotator;
  const isOlderPage = held && body.token && held.token !== body.token;
  if ((isOthers || isOlderPage) && !body.take_over) throw leaseRefusal(image);
  if (held?.token !== body.token || !held) image.lease = { annotator, token: uuid4() };
  const { token } = image.lease!;
  return { token, expires_at: "2100-01-01", revision: image.log.length };
}

function release(image: StoredImage, { query }: Call) {
  if (image.lease?.token === query.get("token")) image.lease = null;
  return null;
}

function act(image: StoredImage, { annotator, body }: Call) {
  if (image.lease?.token !== body.token) throw leaseRefusal(image);
  image.act(annotator, body.actions);
  const applied = body.actions.map(({ id }: Action) => id);
  return { revision: image.log.length, applied };
}

function leaseRefusal({ name, lease }: StoredImage): Refusal {
  const holder = lease && { annotator: lease.annotator, expires_at: "2100-01-01" };
  const line = `${holder?.annotator ?? "nobody"} holds ${name}`;
  return new Refusal(409, "lease", line, { lease: holder });
}
