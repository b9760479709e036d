import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { beforeEach, expect, it, vi } from "vitest";
import type { Action, ImageDocument, Project } from "../../src/annotate/api/types";
import { LastSeen } from "../../src/annotate/document/last-seen";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

let seen: LastSeen;
beforeEach(async () => {
  seen = (await LastSeen.open(new IDBFactory()))!;
});

const project = (id: string, annotator = 1) =>
  ({ id, annotator: { id: annotator, name: "Ada" } }) as Project;
const document = (id: number) => ({ id, name: `${id}.jpg` }) as ImageDocument;
const action = (id: string) => ({ id }) as Action;

it("an image is kept with what was done since, in order", async () => {
  await seen.keepImage(document(1), [action("a")]);
  await seen.keepAction(1, action("b"));
  await seen.keepAction(2, action("c"));
  const { document: kept, actions } = (await seen.image(1))!;
  expect([kept.name, actions.map(({ id }) => id)]).toEqual(["1.jpg", ["a", "b"]]);
  await seen.keepImage(document(1), []);
  expect((await seen.image(1))!.actions).toEqual([]);
});

it("the thirty images that were opened last are kept", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  for (let id = 1; id <= 32; id++) {
    vi.setSystemTime(id);
    await seen.keepImage(document(id), []);
  }
  vi.useRealTimers();
  expect([await seen.image(1), await seen.image(2)]).toEqual([null, null]);
  expect((await seen.image(3))!.document.id).toBe(3);
  expect(await seen.latest()).toBe(32);
});

it.each([
  ["another project", project("q")],
  ["another annotator", project("p", 2)],
])("nothing stays for %s", async (_, other) => {
  await seen.keepProject(project("p"));
  await seen.keepImage(document(1), []);
  await seen.keepProject(project("p"));
  expect(await seen.image(1)).not.toBeNull();
  await seen.keepProject(other);
  expect([await seen.image(1), (await seen.project())!.id]).toEqual([null, other.id]);
});

it("a browser without a database keeps nothing, and says nothing", async () => {
  const refusing = {
    open: () => {
      throw new Error("switched off");
    },
  };
  expect(await LastSeen.open(refusing as unknown as IDBFactory)).toBeNull();
  seen.close();
  await seen.keepImage(document(1), []);
  expect(await seen.image(1)).toBeNull();
});
