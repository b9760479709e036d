// Which of the decoder's mask tokens answer a prompt (`rank` of anymask/predict/promptable.py).

import { PromptError } from "./errors";

/**
 * The mask tokens to answer with, best first.
 *
 * Token 0 belongs to clear prompts, the others to ambiguous ones. `multimaskOutput`: the three by
 * falling predicted IoU (true), the clear one (false), or whichever the prompt calls for
 * (undefined). A decoder with a single token has no choice; throws PromptError if three masks are
 * wanted of it. Equal IoUs keep their order.
 */
export function rank(
  predictedIou: ArrayLike<number>,
  ambiguous: boolean,
  multimaskOutput: boolean | undefined,
): number[] {
  const single = predictedIou.length === 1;
  if (single && multimaskOutput) {
    throw new PromptError("this model was exported to give one mask a prompt, not three");
  }
  if (single || !(multimaskOutput ?? ambiguous)) return [0];
  const tokens = Array.from({ length: predictedIou.length - 1 }, (_, i) => i + 1);
  return tokens.sort((a, b) => predictedIou[b] - predictedIou[a]);
}
