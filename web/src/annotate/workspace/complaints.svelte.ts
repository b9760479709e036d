// What went wrong, for as long as it is true.

import { ApiError } from "../api";
import { DocumentError } from "../document";

export const AWAY = "That needs the server, which is away: try it again when it is back.";

export class Complaints {
  /** "" if all is well. */
  line = $state("");
  private passes = false;

  /** @param isThere asks whether the server is. */
  constructor(private readonly isThere: () => Promise<boolean>) {}

  /** Say what went wrong. Gives what is said elsewhere: that it needs the server, "" if not. */
  async show(error: Error): Promise<string> {
    if (error.name === "AbortError") return "";
    const isPlain = error instanceof ApiError || error instanceof DocumentError;
    if (!isPlain) console.error(error);
    if (error instanceof ApiError && error.kind === "offline" && !(await this.isThere())) {
      return AWAY; // a fault of nothing here
    }
    this.passes = error instanceof ApiError && error.isPassing;
    this.line = error.message;
    return "";
  }

  clear(): void {
    this.line = "";
  }

  /** The server does what it should: what it could not do before is no longer so. */
  clearPassing(): void {
    if (this.passes) this.clear();
  }
}
