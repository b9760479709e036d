import fc from "fast-check";
import { expect, it } from "vitest";
import { type LoggedStep, stacks } from "../../src/annotate/document/log";

/** A history as people think of it: a list, and how much of it is done. */
class Naive {
  private list: string[] = [];
  private done = 0;

  do(id: string): void {
    this.list = [...this.list.slice(0, this.done++), id];
  }

  undo(): string | undefined {
    return this.done ? this.list[--this.done] : undefined;
  }

  redo(): string | undefined {
    return this.list[this.done] && this.list[this.done++];
  }

  stacks() {
    return { undo: this.list.slice(0, this.done), redo: this.list.slice(this.done).reverse() };
  }
}

it("what a log says is what a list with a place in it says", () => {
  const kinds = fc.array(fc.constantFrom("edit", "add", "undo", "undo", "redo", "state"));
  fc.assert(
    fc.property(kinds, (steps) => {
      const naive = new Naive();
      const log: LoggedStep[] = [];
      steps.forEach((kind, i) => {
        const id = `${i}`;
        if (kind === "undo" || kind === "redo") {
          const target = naive[kind]();
          if (target) log.push({ id, kind, target });
        } else {
          if (kind !== "state") naive.do(id);
          log.push({ id, kind, target: null } as LoggedStep);
        }
        expect(stacks(log)).toEqual(naive.stacks());
      });
    }),
  );
});

it("an undo of what is not the last moves nothing", () => {
  const log: LoggedStep[] = [
    { id: "a", kind: "add", target: null },
    { id: "b", kind: "add", target: null },
    { id: "c", kind: "undo", target: "a" },
    { id: "d", kind: "redo", target: "b" },
  ];
  expect(stacks(log)).toEqual({ undo: ["a", "b"], redo: [] });
});

it("what the engine does is undone by nobody", () => {
  const log: LoggedStep[] = [
    { id: "a", kind: "add", target: null },
    { id: "b", kind: "automatic", target: null },
    { id: "c", kind: "withdraw", target: null },
  ];
  expect(stacks(log)).toEqual({ undo: ["a"], redo: [] });
});
