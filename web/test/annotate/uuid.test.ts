import { afterEach, expect, it, vi } from "vitest";
import { localTime } from "../../src/annotate/document/local-time";
import { uuid4 } from "../../src/annotate/document/uuid";

afterEach(() => vi.restoreAllMocks());

it("uuids are of version 4, and no two the same", () => {
  const all = Array.from({ length: 1000 }, uuid4);
  for (const id of all)
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(new Set(all).size).toBe(1000);
});

it.each([
  [0, "2026-03-01T23:30:00.250+00:00"],
  [-120, "2026-03-02T01:30:00.250+02:00"],
  [210, "2026-03-01T20:00:00.250-03:30"],
  [-345, "2026-03-02T05:15:00.250+05:45"],
])("a time says the day where somebody is: %i minutes west", (west, text) => {
  vi.spyOn(Date.prototype, "getTimezoneOffset").mockReturnValue(west);
  const time = new Date("2026-03-01T23:30:00.250Z");
  expect(localTime(time)).toBe(text);
  expect(new Date(text)).toEqual(time);
});
