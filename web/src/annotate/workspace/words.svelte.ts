// What words name in the open image, to be accepted or not under the label of that name.

import { ApiError } from "../api";
import type { Label, LabelDraft, Project, WordsFound } from "../api/types";
import type { OpenImage } from "../document";
import type { Region } from "../../regions";
import { PALETTE } from "../view";
import { LABEL_KEYS } from "./next-label.svelte";
import type { Suggestions } from "./suggestions.svelte";

/** The work beside which it goes on. */
export interface WordedWork {
  readonly open: { readonly image: OpenImage<Region> } | null;
  readonly project: Pick<Project, "annotator"> | null;
  readonly labels: readonly Label[];
  readonly model: { readonly id: string | null };
  readonly suggestions: Pick<Suggestions, "askWords" | "shown" | "clear" | "wasAsked">;
  notice: string;
  putLabels(labels: readonly LabelDraft[]): Promise<void>;
}

export class Words {
  /** What stands in the box. */
  text = $state("");
  isAsking = $state(false);
  private said = $state.raw<{ readonly imageId: number; readonly line: string } | null>(null);
  private turns = 0;
  private making: Promise<void> = Promise.resolve();

  constructor(private readonly work: WordedWork) {}

  /** What is told below the box, of the open image alone. */
  get told(): string {
    const { said, work } = this;
    return said && said.imageId === work.open?.image.id ? said.line : "";
  }

  /** Look for what stands in the box; what goes wrong is told below it. */
  async find(): Promise<void> {
    const { work, text } = this;
    const { open } = work;
    if (!open || !text.trim()) return;
    const turn = ++this.turns;
    const isWanted = () => turn === this.turns && work.open === open;
    const say = (line: string) => {
      if (isWanted()) this.said = { imageId: open.image.id, line };
    };
    work.notice = "";
    this.isAsking = true;
    say(`Looking for ${clipped(text.trim())}…`);
    try {
      const found = await work.suggestions.askWords(open.image, text, work.model.id, isWanted);
      if (found) say(this.lineOf(found));
    } catch (error) {
      if (!isAborted(error) && !(error instanceof ApiError)) throw error;
      say(isAborted(error) ? "" : capital((error as Error).message));
    } finally {
      if (turn === this.turns) this.isAsking = false;
    }
  }

  /** Which labels of these names would be new, and may be made by who works here. */
  missing(names: readonly string[]): string[] {
    const known = new Set(this.work.labels.map(({ name }) => name));
    return this.mayLabel ? [...new Set(names)].filter((name) => !known.has(name)) : [];
  }

  /** Make labels of these names, one after the other. Throws ApiError. */
  makeLabels(names: readonly string[]): Promise<void> {
    const { work } = this;
    this.making = this.making
      .catch(() => {}) // whoever asked for it was told
      .then(async () => {
        const missing = this.missing(names);
        if (missing.length) await work.putLabels(withLabels(work.labels, missing));
      });
    return this.making;
  }

  private get mayLabel(): boolean {
    return this.work.project?.annotator.role !== "annotator";
  }

  private lineOf({ masks, reasons }: WordsFound): string {
    const { suggestions } = this.work;
    const count = masks.length;
    const parts: string[] = [];
    if (count && suggestions.wasAsked) {
      const names = [...new Set(masks.map(({ label }) => label))];
      parts.push(`${count} found: ${names.map((name) => this.nameOf(name, masks)).join(", ")}`);
    } else if (count) {
      suggestions.clear();
      parts.push(count === 1 ? "1 found: a mask already" : `${count} found: masks already`);
    }
    return [...parts, ...reasons].map(capital).join(". ") + ".";
  }

  /** A label's name, and whether there is such a label. */
  private nameOf(name: string, masks: WordsFound["masks"]): string {
    const isThere = masks.some(({ label, label_id }) => label === name && label_id !== null);
    if (isThere) return name;
    return this.mayLabel ? `${name} (a new label)` : `${name} (no label: a reviewer makes them)`;
  }
}

/** Labels with new ones behind them, in colours and with keys that are free. */
export function withLabels(labels: readonly Label[], names: readonly string[]): LabelDraft[] {
  const drafts: LabelDraft[] = [...labels];
  for (const name of names) {
    const taken = new Set(drafts.map(({ hotkey }) => hotkey));
    const hotkey = LABEL_KEYS.find((key) => !taken.has(key)) ?? null;
    drafts.push({ id: null, name, color: PALETTE[drafts.length % PALETTE.length], hotkey });
  }
  return drafts;
}

const LONGEST = 40;

function clipped(text: string): string {
  const letters = [...text];
  return letters.length <= LONGEST ? text : `${letters.slice(0, LONGEST).join("")}…`;
}

/** Whether somebody asked something else, or gave up. */
function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function capital(line: string): string {
  return line.charAt(0).toUpperCase() + line.slice(1);
}
