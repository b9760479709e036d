// The server's HTTP, a method for each of its addresses.

import type { Readable } from "../observable";
import { ApiError } from "./errors";
import { Transport, type TransportOptions } from "./transport";
import type {
  Action,
  AlikeSearch,
  Applied,
  BoxXyxy,
  DecodeRequest,
  ExportFormat,
  ExportLosses,
  ImageDocument,
  ImagePage,
  ImageQuery,
  ImageSummary,
  Invitation,
  ImportReport,
  Label,
  LabelDraft,
  Lease,
  Member,
  MemberPatch,
  ModelInUse,
  Note,
  NoteDraft,
  NotePatch,
  Project,
  Role,
  Status,
  Suggestion,
  Version,
  WordsFound,
} from "./types";

const VERSIONS_AT_ONCE = 50; // their ids go into the address, which has a limit
const SIGN_OF_LIFE_MS = 4_000;
const LONG_MS = 300_000; // for the model, and for megabytes
const IMPORT_MS = 3_600_000;

export interface EmbeddingBytes {
  readonly bytes: ArrayBuffer;
  /** SHA-256 of the file that it is of. */
  readonly file: string;
}

/** Every method throws ApiError. */
export class Client {
  private readonly transport: Transport;

  constructor(options: TransportOptions = {}) {
    this.transport = new Transport(options);
  }

  get offlineSince(): Readable<Date | null> {
    return this.transport.offlineSince;
  }

  /** Whether the server said that it does not know who asks. */
  get isSignedOut(): Readable<boolean> {
    return this.transport.isSignedOut;
  }

  /** Whether the server answers, whatever it says. */
  async isThere(): Promise<boolean> {
    const ask = { timeoutMs: SIGN_OF_LIFE_MS, isOnce: true };
    try {
      await this.transport.ask("/health", ask, async (response) => response.body?.cancel());
    } catch (error) {
      if (error instanceof ApiError && error.kind === "offline") return false;
    }
    return true;
  }

  project(): Promise<Project> {
    return this.transport.json("/api/project");
  }

  /** Change labels and add new ones; those that are neither named nor to be removed stay. */
  putLabels(labels: readonly LabelDraft[], remove: readonly number[] = []): Promise<Label[]> {
    const path = `/api/labels${search({ remove: remove.join() })}`;
    return this.transport.json(path, { method: "PUT", json: labels });
  }

  // --- images

  images(query: ImageQuery = {}, signal?: AbortSignal): Promise<ImagePage> {
    return this.transport.json(`/api/images${search(query)}`, { signal });
  }

  /** The next image to work on, or to review, which nobody else has; null if there is none. */
  next(after?: number, review = false): Promise<ImageSummary | null> {
    const query = { after, review: review || undefined };
    return this.transport.json(`/api/next${search(query)}`);
  }

  image(id: number, signal?: AbortSignal): Promise<ImageDocument> {
    return this.transport.json(`/api/images/${id}`, { signal });
  }

  /** Versions that an image's log names and that may be no mask's any more. */
  async versions(imageId: number, ids: readonly string[]): Promise<Version[]> {
    const versions: Version[] = [];
    for (let at = 0; at < ids.length; at += VERSIONS_AT_ONCE) {
      const path = `/api/images/${imageId}/versions?ids=${ids.slice(at, at + VERSIONS_AT_ONCE)}`;
      versions.push(...(await this.transport.json<Version[]>(path)));
    }
    return versions;
  }

  /** Addresses of pictures, for <img> or fetch. */
  pixelsUrl(id: number, view: { longest?: number; low?: number; high?: number } = {}): string {
    return this.transport.url(`/api/images/${id}/pixels${search(view)}`);
  }

  tileUrl(id: number, level: number, column: number, row: number): string {
    return this.transport.url(`/api/images/${id}/tiles/${level}/${column}/${row}`);
  }

  thumbnailUrl(id: number): string {
    return this.transport.url(`/api/images/${id}/thumbnail`);
  }

  /** The model that the next image is annotated with. */
  model(): Promise<ModelInUse> {
    return this.transport.json("/api/model");
  }

  /** The embedding for a model; while it is computed, its place in the queue. */
  embedding(
    id: number,
    model: string,
    signal?: AbortSignal,
  ): Promise<EmbeddingBytes | { position: number }> {
    const ask = { signal, timeoutMs: LONG_MS };
    const path = `/api/images/${id}/embedding${search({ model })}`;
    return this.transport.ask(path, ask, async (response) => {
      if (response.status === 202) return response.json();
      const file = response.headers.get("ETag")?.replaceAll('"', "") ?? "";
      return { bytes: await response.arrayBuffer(), file };
    });
  }

  /** Say that the masks of an image are right for the file that it has now. */
  async keepMasks(id: number, file: string): Promise<void> {
    const path = `/api/images/${id}/file${search({ file })}`;
    await this.transport.ask(path, { method: "PUT" }, async () => undefined);
  }

  // --- work

  /** Take or renew the right to change an image. `takeOver`: from whoever holds it (admins). */
  lease(id: number, token: string | null, takeOver = false): Promise<Lease> {
    const json = takeOver ? { token, take_over: true } : { token };
    return this.transport.json(`/api/images/${id}/lease`, { method: "POST", json });
  }

  async release(id: number, token: string): Promise<void> {
    const path = `/api/images/${id}/lease${search({ token })}`;
    const ask = { method: "DELETE", keepalive: true } as const; // also of a page that ends
    await this.transport.ask(path, ask, async () => undefined);
  }

  /** Append actions, all or none; those that are there already count as applied. */
  act(id: number, token: string, actions: readonly Action[]): Promise<Applied> {
    const json = { token, actions };
    return this.transport.json(`/api/images/${id}/actions`, { method: "POST", json });
  }

  addNote(id: number, note: NoteDraft): Promise<Note> {
    return this.transport.json(`/api/images/${id}/notes`, { method: "POST", json: note });
  }

  changeNote(id: string, patch: NotePatch): Promise<Note> {
    return this.transport.json(`/api/notes/${id}`, { method: "PATCH", json: patch });
  }

  // --- the team

  /** Get in by a token, which the browser keeps. */
  async signIn(token: string): Promise<void> {
    await this.transport.json("/api/session", { method: "POST", json: { token } });
  }

  async signOut(): Promise<void> {
    await this.transport.ask("/api/session", { method: "DELETE" }, async () => undefined);
  }

  /** Everybody who works here or did; for admins, as all that changes it. */
  members(): Promise<Member[]> {
    return this.transport.json("/api/annotators");
  }

  invite(name: string, role: Role): Promise<Invitation> {
    return this.transport.json("/api/annotators", { method: "POST", json: { name, role } });
  }

  changeMember(id: number, patch: MemberPatch): Promise<Member> {
    return this.transport.json(`/api/annotators/${id}`, { method: "PATCH", json: patch });
  }

  /** A new token for somebody; the old one is good no more. */
  renewToken(id: number): Promise<Invitation> {
    return this.transport.json(`/api/annotators/${id}/token`, { method: "POST" });
  }

  /** How the work goes: by day, annotator and model. */
  status(): Promise<Status> {
    return this.transport.json("/api/status");
  }

  // --- files of other tools

  exportLosses(format: ExportFormat): Promise<ExportLosses> {
    const path = `/api/export/losses${search({ format })}`;
    return this.transport.json(path, { timeoutMs: LONG_MS });
  }

  /** Where the browser downloads all masks from. */
  exportUrl(format: ExportFormat): string {
    return this.transport.url(`/api/export${search({ format })}`);
  }

  /** Add the masks of a file; `trial`: only say what would be added. */
  importFile(file: File, trial: boolean, signal?: AbortSignal): Promise<ImportReport> {
    const path = `/api/import${search({ name: file.name, trial })}`;
    return this.transport.json(path, { method: "POST", body: file, signal, timeoutMs: IMPORT_MS });
  }

  // --- the model on the server

  /** Everything that a model finds in the image or in a box of it; null: the one in use. */
  everything(
    id: number,
    box: BoxXyxy | null,
    model: string | null,
    signal?: AbortSignal,
  ): Promise<Suggestion[]> {
    const ask = { method: "POST", json: { box }, timeoutMs: LONG_MS, signal } as const;
    const query = search({ model: model ?? undefined });
    return this.transport.json(`/api/images/${id}/everything${query}`, ask);
  }

  /** The masks that words name in the image, by a model; null: by the one in use. */
  words(id: number, text: string, model: string | null, signal?: AbortSignal): Promise<WordsFound> {
    const ask = { method: "POST", json: { text }, timeoutMs: LONG_MS, signal } as const;
    const query = search({ model: model ?? undefined });
    return this.transport.json(`/api/images/${id}/words${query}`, ask);
  }

  /** Have what is like masks of an image looked for in all others, in the background. */
  findAlike(id: number, maskIds: readonly string[]): Promise<AlikeSearch> {
    const json = { mask_ids: maskIds };
    return this.transport.json(`/api/images/${id}/alike`, { method: "POST", json });
  }

  /** How that stands. */
  alike(): Promise<AlikeSearch> {
    return this.transport.json("/api/alike");
  }

  stopAlike(): Promise<AlikeSearch> {
    return this.transport.json("/api/alike", { method: "DELETE" });
  }

  /** For browsers that can't run the decoder: best first. */
  decode(id: number, prompt: DecodeRequest, signal?: AbortSignal): Promise<Suggestion[]> {
    const ask = { method: "POST", json: prompt, signal } as const;
    return this.transport.json(`/api/images/${id}/decode`, ask);
  }
}

/** The part of an address behind its `?`, of what is given. */
function search(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}
