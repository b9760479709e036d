// The answers to one question, from the whole to the subpart.

import type { choicesOf, Mask } from "../../segmenter";

/** One thing that a question may mean. */
export interface Answer {
  readonly name: string;
  readonly predictedIou: number;
  readonly mask: Mask;
}

export function answersOf(choices: ReturnType<typeof choicesOf>): Answer[] {
  return choices.map(({ name, mask }) => ({ name, predictedIou: mask.predictedIou, mask }));
}
