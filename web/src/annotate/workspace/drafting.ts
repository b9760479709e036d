// The mask in work: questions to the model and strokes of the hand, step by step, until it is
// accepted.

import type { Chosen } from "../api/types";
import { type DraftStep, type EffortClock, type OpenImage, uuid4 } from "../document";
import { Observable, type Readable } from "../observable";
import { decodeRle, encodeRle, fromMask, type ImageSize, Region, toMask } from "../../regions";
import {
  type BoxXyxy,
  choicesOf,
  type ImageEmbedding,
  type Mask,
  type Point,
  type Prompt,
  type Segmenter,
  surest,
} from "../../segmenter";
import { type Answer, answersOf } from "./answers";
import { Glances } from "./glances";
import type { Model } from "./model";
import { wordsOfStep } from "./step-words";

export interface DraftingNow {
  readonly points: readonly Point[];
  readonly box: BoxXyxy | null;
  readonly region: Region | null;
  /** The mask that is refined; null for a new one. */
  readonly maskId: string | null;
  readonly answers: readonly Answer[];
  readonly chosen: number;
  readonly isAsking: boolean;
  /** What undo and redo would do to it, in words; null where that is nothing. */
  readonly undoable: string | null;
  readonly redoable: string | null;
}

interface Question {
  readonly points: readonly Point[];
  readonly box: BoxXyxy | null;
}

const NOTHING: Question = { points: [], box: null };

export class Drafting {
  private readonly now: Observable<DraftingNow>;
  private asked: Question = NOTHING; // ahead of the steps while an answer is under way
  private answers: readonly Answer[] = [];
  private chosen = 0;
  private asking = new AbortController();
  private isAsking = false;
  private readonly glances = new Glances((at) => this.glance(at));
  /** What hands were ahead with, while an answer was under way that is to be accepted. */
  private hasty: { readonly labelId: number | null; readonly then: (() => void)[] } | null = null;
  private region: { readonly of: DraftStep; readonly is: Region } | null = null;

  constructor(
    private readonly image: OpenImage<Region>,
    private readonly size: ImageSize,
    private readonly model: Model,
    private readonly clock: EffortClock,
    private readonly onError: (error: Error) => void,
  ) {
    this.now = new Observable(this.look());
    this.takeUp();
    if (this.step) clock.restore(this.step.effort);
  }

  get state(): Readable<DraftingNow> {
    return this.now;
  }

  get isEmpty(): boolean {
    return !this.step && !this.isAsking;
  }

  // --- questions to the model

  /** What a click would give, without one; null if another place is asked about meanwhile. */
  glanceAt(x: number, y: number): Promise<readonly Mask[] | null> {
    return this.glances.at(x, y);
  }

  /** Add a click. label: 1 object, 0 background. */
  click(x: number, y: number, label: 0 | 1): void {
    if (this.hasty) return void this.hasty.then.push(() => this.click(x, y, label));
    if (!label && this.isEmpty) return; // there is nothing to take away from
    this.clock.record({ kind: "click", x, y, add: label === 1 });
    this.ask({ ...this.asked, points: [...this.asked.points, { x, y, label }] });
  }

  box(box: BoxXyxy): void {
    if (this.hasty) return void this.hasty.then.push(() => this.box(box));
    this.clock.record({ kind: "box", box });
    this.ask({ ...this.asked, box });
  }

  /** Take another of the answers. */
  choose(index: number): void {
    const count = this.answers.length;
    if (count < 2) return;
    this.chosen = (index + count) % count;
    this.clock.record({ kind: "choose", chosen: this.chosen as Chosen });
    this.pushAnswer();
  }

  next(by: 1 | -1): void {
    this.choose(this.chosen + by);
  }

  // --- strokes of the hand

  /** What the mask in work becomes. The model goes on from it at the next click. */
  edit(region: Region, source: string): void {
    this.stopAsking();
    this.answers = [];
    const step = this.step;
    this.push({
      ...this.blank(),
      points: step?.points ?? [],
      box: step?.box ?? null,
      segmentation: encodeRle(region),
      source,
    });
  }

  /** Go on with a mask of the image. */
  refine(maskId: string): void {
    const mask = this.image.mask(maskId);
    if (!mask) return;
    this.discard();
    const { segmentation, predicted_iou, source, label_id, group } = mask.version;
    this.push({
      ...this.blank(),
      maskId,
      segmentation,
      predictedIou: predicted_iou,
      source,
      labelId: label_id,
      group,
    });
  }

  // --- its end

  /** Make it a mask of the image, once it is there; its id, or null if there is none yet. */
  accept(labelId: number | null): string | null {
    if (this.isAsking) this.hasty ??= { labelId, then: [] };
    const step = this.step;
    const region = this.now.value.region;
    if (!step || this.isAsking || !region) return null;
    const { maskId, becomes, source, predictedIou, group } = step;
    if (region.isEmpty && !maskId) {
      this.discard();
      return null;
    }
    const options = { effort: this.clock.take(), endsDraft: true };
    // Another tab may have accepted it already: then it is a mask of the image.
    const there = [maskId, becomes].find((known) => known && this.image.mask(known));
    let id: string | null;
    if (there) {
      this.image.edit(there, { region, source, predictedIou }, options);
      id = region.isEmpty ? null : there;
    } else {
      const mask = { id: becomes, region, source, predictedIou, labelId, group };
      id = this.image.add(mask, options);
    }
    this.reset();
    this.tell();
    return id;
  }

  discard(): void {
    const wasThere = !this.isEmpty;
    this.stopAsking();
    if (this.step) this.image.draft.discard();
    this.reset();
    if (wasThere) this.clock.record({ kind: "clear" });
    this.tell();
  }

  /** Whether there was a step to take back. */
  undo(): boolean {
    if (this.isAsking) {
      this.stopAsking();
      this.takeUp();
      return true;
    }
    if (!this.image.draft.value.canUndo) return false;
    this.clock.record({ kind: "undo" });
    this.image.draft.undo();
    this.takeUp();
    return true;
  }

  redo(): boolean {
    if (!this.image.draft.value.undone) return false;
    this.clock.record({ kind: "redo" });
    this.image.draft.redo();
    this.takeUp();
    return true;
  }

  /** The image is closed; its draft stays kept. */
  close(): void {
    this.stopAsking();
  }

  // --- asking

  private ask(question: Question): void {
    this.asked = question;
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    this.isAsking = true;
    this.tell();
    this.answer(question, signal).catch((error: Error) => {
      if (signal.aborted) return;
      this.stopAsking();
      this.takeUp();
      this.onError(error);
    });
  }

  private async answer(question: Question, signal: AbortSignal): Promise<void> {
    const [segmenter, embedding] = await this.segmenter();
    const seen = await this.seen(question);
    signal.throwIfAborted();
    const prompt = this.prompt(question, this.step, segmenter, embedding);
    const masks = seen ?? (await segmenter.predict(embedding, prompt, { signal })).masks;
    if (signal.aborted) return;
    const choices = choicesOf(masks);
    this.answers = answersOf(choices);
    this.chosen = surest(choices);
    this.isAsking = false;
    this.clock.record({
      kind: "choose",
      chosen: choices.length > 1 ? (this.chosen as Chosen) : null,
    });
    this.pushAnswer();
    const { hasty } = this;
    if (!hasty) return;
    this.hasty = null;
    this.accept(hasty.labelId);
    for (const act of hasty.then) act();
  }

  /**
   * Have the other answers again to the question behind a step that is taken up, as after a reload;
   * the step itself stays as it is.
   */
  private async askAgain(): Promise<void> {
    const { step, askedFrom } = this.image.draft.value;
    if (!step || step.chosen === null || step.source !== "model") return;
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    const [segmenter, embedding] = await this.segmenter();
    const prompt = this.prompt(step, askedFrom, segmenter, embedding);
    const { masks } = await segmenter.predict(embedding, prompt, { signal });
    if (signal.aborted || this.step !== step) return;
    this.answers = answersOf(choicesOf(masks));
    this.chosen = step.chosen;
    this.tell();
  }

  /** The answer to a first click that the pointer has asked for already. */
  private async seen({ points, box }: Question): Promise<readonly Mask[] | null> {
    const masks = this.glances.take(points[0]);
    const isFirst = !this.step && !box && points.length === 1 && points[0].label !== 0;
    return isFirst ? masks : null;
  }

  private async glance(at: Point): Promise<readonly Mask[] | null> {
    const options = { latestOf: "hover", multimaskOutput: true };
    try {
      const [segmenter, embedding] = await this.segmenter();
      return (await segmenter.predict(embedding, { points: [at] }, options)).masks;
    } catch {
      return null;
    }
  }

  private async segmenter(): Promise<[Segmenter, ImageEmbedding]> {
    return [await this.model.ready, await this.model.open(this.image.id)];
  }

  /** A question that goes on from a step. */
  private prompt(
    { points, box }: Question,
    step: DraftStep | null,
    segmenter: Segmenter,
    embedding: ImageEmbedding,
  ): Prompt {
    const prompt: { -readonly [K in keyof Prompt]: Prompt[K] } = { points };
    if (box) prompt.box = box;
    if (step?.logits) prompt.mask = step.logits;
    else if (step?.segmentation) {
      const region = this.regionOf(step);
      if (region.isEmpty) return prompt;
      prompt.mask = segmenter.rough(embedding, toMask(region));
      // What is right of a mask that is gone on with, the model keeps by its box: without, a click
      // against the error spoils the rest. What was begun by hand may be a part, of any box.
      if (step.maskId && !box) prompt.box = region.box;
    }
    return prompt;
  }

  private stopAsking(): void {
    this.asking.abort();
    this.hasty = null;
    this.isAsking = false;
    this.asked = this.step ?? NOTHING;
  }

  // --- steps

  private get step(): DraftStep | null {
    return this.image.draft.value.step;
  }

  private pushAnswer(): void {
    const { mask, predictedIou } = this.answers[this.chosen];
    const { points, box } = this.asked;
    this.push({
      ...this.blank(),
      points: points.map(({ x, y, label = 1 }) => ({ x, y, label })),
      box,
      chosen: this.answers.length > 1 ? (this.chosen as Chosen) : null,
      segmentation: encodeRle(fromMask(mask)),
      logits: mask.logits,
      predictedIou,
      source: "model",
    });
  }

  /** What of a step goes on into the next. */
  private blank(): DraftStep {
    const step = this.step;
    return {
      maskId: step?.maskId ?? null,
      becomes: step?.becomes ?? uuid4(),
      points: [],
      box: null,
      chosen: null,
      segmentation: null,
      logits: null,
      predictedIou: null,
      source: "",
      labelId: step?.labelId ?? null,
      group: step?.group ?? null,
      effort: this.clock.value,
    };
  }

  private push(step: DraftStep): void {
    this.image.draft.push(step);
    this.asked = step;
    this.tell();
  }

  /** Be where the draft is. */
  private takeUp(): void {
    this.answers = [];
    this.asked = this.step ?? NOTHING;
    this.tell();
    this.askAgain().catch(() => {}); // the mask is there, only what else it may be is not
  }

  private reset(): void {
    this.answers = [];
    this.asked = NOTHING;
  }

  private regionOf(step: DraftStep): Region {
    if (this.region?.of !== step) {
      const is = step.segmentation ? decodeRle(step.segmentation) : Region.empty(this.size);
      this.region = { of: step, is };
    }
    return this.region.is;
  }

  private tell(): void {
    this.now.set(this.look());
  }

  private look(): DraftingNow {
    const { step, before, undone } = this.image.draft.value;
    return {
      points: this.asked.points,
      box: this.asked.box,
      region: step ? this.regionOf(step) : null,
      maskId: step?.maskId ?? null,
      answers: this.answers,
      chosen: this.chosen,
      isAsking: this.isAsking,
      undoable: this.isAsking ? "click" : step && wordsOfStep(step, before),
      redoable: undone && wordsOfStep(undone, step),
    };
  }
}
