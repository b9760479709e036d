// What can go wrong, as one small tree, like anymask/errors.py: every message says what was wrong,
// where, and what to do about it.

/** Anything that the segmenter refuses or fails to do, with a message for a person. */
export class SegmenterError extends Error {
  override name = "SegmenterError";
}

/** A model folder that is missing, damaged, too new, or that the browser can't run. */
export class ModelError extends SegmenterError {
  override name = "ModelError";
}

/** An image embedding that is damaged, closed, or came from another model. */
export class EmbeddingError extends SegmenterError {
  override name = "EmbeddingError";
}

/** A prompt with bad numbers, about the wrong place, or about nothing. */
export class PromptError extends SegmenterError {
  override name = "PromptError";
}

/** An image that the browser can't decode. */
export class ImageError extends SegmenterError {
  override name = "ImageError";
}

/** How an error crosses from the worker: structured clones lose the class and keep no own name. */
export interface ErrorNote {
  name: string;
  message: string;
}

export function toNote(error: unknown): ErrorNote {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: "Error", message: String(error) };
}

const TREE = [SegmenterError, ModelError, EmbeddingError, PromptError, ImageError];
const BY_NAME = new Map(TREE.map((kind) => [new kind().name, kind]));

/** The error that a note describes; one from outside the tree becomes a plain SegmenterError. */
export function fromNote({ name, message }: ErrorNote): SegmenterError {
  const kind = BY_NAME.get(name);
  return kind ? new kind(message) : new SegmenterError(`${name}: ${message}`);
}
