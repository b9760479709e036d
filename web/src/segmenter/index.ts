// anymask in the browser: promptable segmentation in a worker.

export { EmbeddingError, ImageError, ModelError, PromptError, SegmenterError } from "./errors";
export { type Choice, choicesOf, EXTENTS, surest } from "./extents";
export type { FullMask } from "./mask";
export type { OnProgress, Progress } from "./model-folder";
export type { BoxXyxy, Point, Prompt } from "./prompts";
export type { Answer, Backend, Mask } from "./protocol";
export type { SizeHw } from "./resize-map";
export {
  type Abortable,
  ImageEmbedding,
  type LoadOptions,
  type PredictOptions,
  Segmenter,
} from "./segmenter";
