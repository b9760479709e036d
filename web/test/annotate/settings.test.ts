import { beforeEach, expect, it } from "vitest";
import { Settings, USUAL } from "../../src/annotate/document/settings";
import { FakeStorage } from "./storage";

let storage: FakeStorage;
beforeEach(() => {
  storage = new FakeStorage();
});

it("are the usual ones, until they are others, and those are kept", () => {
  const settings = new Settings(storage);
  expect(settings.value).toEqual(USUAL);
  settings.set({ maskOpacity: 0.8, theme: "dark" });
  expect(new Settings(storage).value).toEqual({ ...USUAL, maskOpacity: 0.8, theme: "dark" });
  settings.reset("theme");
  expect(settings.value).toEqual({ ...USUAL, maskOpacity: 0.8 });
  settings.reset();
  expect(new Settings(storage).value).toEqual(USUAL);
});

it("a number beyond its limits is the nearest within", () => {
  const settings = new Settings(storage);
  settings.set({ brushDiameter: 1e9, maskOpacity: -1, contrast: NaN });
  const { brushDiameter, maskOpacity, contrast } = settings.value;
  expect([brushDiameter, maskOpacity, contrast]).toEqual([2000, 0, USUAL.contrast]);
});

it.each(["", "null", "7", "[]", '{"theme":"pink","maskOpacity":"much","isOutlineOnly":1,"old":2}'])(
  "what is kept as %j is the usual",
  (text) => {
    storage.setItem("anymask.settings", text);
    expect(new Settings(storage).value).toEqual(USUAL);
  },
);

it("hold until the page ends where nothing can be kept", () => {
  storage.isFull = true;
  const settings = new Settings(storage);
  settings.set({ hasPreview: false });
  expect(settings.value.hasPreview).toBe(false);
  new Settings(null).set({ hasPreview: false });
});

it("follow those of another tab", () => {
  const page = new EventTarget();
  const settings = new Settings(storage);
  const stop = settings.follow(page as unknown as Window);
  new Settings(storage).set({ theme: "light" });
  page.dispatchEvent(Object.assign(new Event("storage"), { key: "anymask.settings" }));
  expect(settings.value.theme).toBe("light");
  stop();
  new Settings(storage).set({ theme: "dark" });
  page.dispatchEvent(Object.assign(new Event("storage"), { key: "anymask.settings" }));
  expect(settings.value.theme).toBe("light");
});
