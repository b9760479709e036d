// The server's HTTP, a method for each of its addresses.

import type { Readable } from "../../annotate/observable";
import { Transport, type TransportOptions } from "../../annotate/api/transport";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Rating = Schemas["Rating"];
export type RatingDraft = Schemas["RatingDraft"];
export type Progress = Schemas["Progress"];
export type Showing = Schemas["Showing"];

/** Every method throws ApiError. */
export class Client {
  private readonly transport: Transport;

  constructor(options: TransportOptions = {}) {
    this.transport = new Transport(options);
  }

  get offlineSince(): Readable<Date | null> {
    return this.transport.offlineSince;
  }

  rating(): Promise<Rating> {
    return this.transport.json("/api/rating");
  }

  progress(rater: string): Promise<Progress> {
    return this.transport.json(`/api/progress?${new URLSearchParams({ rater })}`);
  }

  /** One that was rated, or is to be. */
  showing(rater: string, number: number): Promise<Showing> {
    return this.transport.json(`/api/showings/${number}?${new URLSearchParams({ rater })}`);
  }

  /** May be sent again: the draft's id makes it one. */
  rate(draft: RatingDraft): Promise<Progress> {
    return this.transport.json("/api/ratings", { method: "POST", json: draft });
  }

  picture(path: string): Promise<ImageBitmap> {
    return this.transport.ask(path, { timeoutMs: PICTURE_MS }, async (response) =>
      createImageBitmap(await response.blob()),
    );
  }
}

const PICTURE_MS = 120_000; // a large image is read and sent
