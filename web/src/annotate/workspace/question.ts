// A question to the annotator that stands before something is done.

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What can be said, the likeliest first. */
  readonly answers: readonly { readonly label: string; readonly do: () => unknown }[];
}
