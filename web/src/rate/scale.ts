// The scale, and what its steps mean: the paper's (*Segment Anything*, §E), in words of our own.

export interface Step {
  readonly rating: number;
  /** What the button's group is called. */
  readonly name: string;
  readonly meaning: string;
}

export const STEPS: readonly Step[] = [
  {
    rating: 1,
    name: "No object",
    meaning: "The mask is nothing that one could name, or it is not where the point is.",
  },
  {
    rating: 2,
    name: "Large errors",
    meaning: "One can guess what is meant, but most of the mask is wrong.",
  },
  {
    rating: 3,
    name: "Large errors",
    meaning: "A large part is missing, or much of something else is in it.",
  },
  {
    rating: 4,
    name: "Large errors",
    meaning: "The object can be told, but whole parts of it are missing or too much.",
  },
  {
    rating: 5,
    name: "Recognisable",
    meaning: "It is clear what is meant; parts and border are wrong in many places.",
  },
  {
    rating: 6,
    name: "Recognisable",
    meaning: "It is clear what is meant; the errors are plain, but few.",
  },
  {
    rating: 7,
    name: "Good",
    meaning: "The right object; small errors that one sees at once.",
  },
  {
    rating: 8,
    name: "Good",
    meaning: "The right object; small errors that one finds when one looks for them.",
  },
  {
    rating: 9,
    name: "Nearly exact",
    meaning: "Errors of a pixel or two, which only the close-up shows.",
  },
  {
    rating: 10,
    name: "Exact",
    meaning: "Nothing to correct, not even in the close-up.",
  },
];

/** How to judge, in the order in which one does. */
export const GUIDELINES: readonly { readonly title: string; readonly text: string }[] = [
  {
    title: "Is it a thing?",
    text: "A point may mean a whole object, a part of it or a group. Any of these is right if the point is in it: rate the mask for what it seems to mean, not for what you would have meant.",
  },
  {
    title: "Is all of it there, and nothing else?",
    text: "Look at the whole image first: parts that are missing, pieces of something else, holes and specks.",
  },
  {
    title: "Is the border right?",
    text: "Then look at the close-up. Go round the outline; hide the mask to see what lies under it.",
  },
  {
    title: "Each mask by itself",
    text: "Don't compare with masks that you saw before, and don't mind how hard the object is. The same object comes more than once, with other masks; some masks come twice, and a few are there to see whether you look.",
  },
];

/** The key that gives a rating. */
export function keyOf(rating: number): string {
  return rating === 10 ? "0" : String(rating);
}

/** The rating of a key; null of others. */
export function ratingOf(key: string): number | null {
  if (!/^[0-9]$/.test(key)) return null;
  return key === "0" ? 10 : Number(key);
}
