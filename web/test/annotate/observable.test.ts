import { expect, it } from "vitest";
import { Observable } from "../../src/annotate/observable";

it("tells the value now and each later one until nobody wants to hear", () => {
  const value = new Observable(1);
  const heard: number[] = [];
  const stop = value.subscribe((each) => heard.push(each));
  value.set(2);
  stop();
  value.set(3);
  expect(heard).toEqual([1, 2]);
  expect(value.value).toBe(3);
});

it("somebody who stops while being told does not keep the others from hearing", () => {
  const value = new Observable(0);
  const heard: string[] = [];
  const stop = value.subscribe((each) => each && (heard.push("first"), stop()));
  value.subscribe((each) => each && heard.push("second"));
  value.set(1);
  value.set(2);
  expect(heard).toEqual(["first", "second", "second"]);
});
