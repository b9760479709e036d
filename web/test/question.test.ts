import { expect, it } from "vitest";
import { NOTHING, Questions } from "../src/page/question";

it("a question grows, goes back step by step, and starts anew", () => {
  const questions = new Questions();
  expect(questions.now).toEqual(NOTHING);
  questions.addPoint({ x: 1, y: 2, label: 1 });
  questions.setBox([0, 0, 5, 5]);
  questions.addPoint({ x: 3, y: 4, label: 0 });
  questions.setBox([1, 1, 6, 6]);
  expect(questions.prompt()).toEqual({
    points: [
      { x: 1, y: 2, label: 1 },
      { x: 3, y: 4, label: 0 },
    ],
    box: [1, 1, 6, 6],
  });
  questions.undo();
  expect(questions.now.box).toEqual([0, 0, 5, 5]);
  questions.undo();
  questions.undo();
  expect(questions.prompt()).toEqual({ points: [{ x: 1, y: 2, label: 1 }] });
  questions.undo();
  questions.undo();
  expect(questions.isEmpty).toBe(true);
  questions.addPoint({ x: 1, y: 2 });
  questions.clear();
  expect(questions.now).toEqual(NOTHING);
});
