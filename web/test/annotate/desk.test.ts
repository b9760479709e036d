import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Desk } from "../../src/annotate/document/desk";
import type { DraftStep } from "../../src/annotate/document/draft";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import type { OpenImage } from "../../src/annotate/document/open-image";
import { Browser, saved, until } from "./desk-world";
import { FakeServer } from "./fake-server";
import { patch, type Patch } from "./patch";

let server: FakeServer;
let ada: Browser;
let bob: Browser;

beforeEach(() => {
  server = new FakeServer();
  ada = new Browser(server, "Ada");
  bob = new Browser(server, "Bob");
});

afterEach(() => {
  ada.kill();
  bob.kill();
});

const STEP: DraftStep = {
  maskId: null,
  points: [{ x: 3, y: 4, label: 1 }],
  box: null,
  chosen: 1,
  segmentation: { size: [60, 80], counts: "3,4,8,9" },
  logits: Float32Array.of(1, 2),
  predictedIou: 0.9,
  source: "model",
  labelId: null,
  group: null,
  effort: { ...NO_EFFORT, seconds: 12, clicks_add: 1 },
};

const add = (image: OpenImage<Patch>, at: number) =>
  image.add({ region: patch(at), source: "model" });
const edit = (image: OpenImage<Patch>, id: string, at: number) =>
  image.edit(id, { region: patch(at), source: "model" });
const left = (image: OpenImage<Patch>) => image.value.masks.map(({ region }) => region.box[0]);
const rising = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const stored = () => rising([...server.image().masks.values()].map(({ bbox }) => bbox[0]));
const noActions = (request: string) => (request.endsWith("/actions") ? "down" : null);

async function open(desk: Desk<Patch>, id = 1): Promise<OpenImage<Patch>> {
  const { image, hold } = await desk.open(id);
  expect(hold).toEqual({ kind: "held" });
  return image;
}

describe("a killed browser", () => {
  it("has lost nothing: not the masks, not their undo, not the mask in work", async () => {
    const desk = await ada.tab();
    const image = await open(desk);
    add(image, 1);
    await saved(desk);
    server.fault = noActions;
    const second = add(image, 2);
    add(image, 3);
    edit(image, second, 9);
    await image.undo();
    image.draft.push(STEP);
    await until(() => desk.saved.value.kind === "offline");
    ada.kill();
    server.fault = () => null;

    const again = await ada.tab();
    const reopened = await open(again);
    expect(left(reopened)).toEqual([1, 2, 3]);
    expect(reopened.draft.value.step).toEqual(STEP);
    await saved(again);
    expect(stored()).toEqual([1, 2, 3]);
    expect(server.image().log.map(({ kind }) => kind)).toEqual([
      "add",
      "add",
      "add",
      "edit",
      "undo",
    ]);
    await reopened.redo();
    expect(left(reopened)).toEqual([1, 9, 3]);
    await saved(again);
    expect(stored()).toEqual([1, 3, 9]);
  });

  it("at any moment: each mask is there once", async () => {
    for (let round = 0; round < 10; round++) {
      server = new FakeServer();
      ada = new Browser(server, "Ada");
      const wanted: string[] = [];
      for (let life = 0; life < 3; life++) {
        server.fault = () => ([null, "down", "lost", null] as const)[Math.floor(4 * Math.random())];
        const desk = await ada.tab();
        const opened = await desk.open(1).catch(() => null);
        if (opened?.hold.kind === "held") {
          for (let i = 0; i < 5; i++) wanted.push(add(opened.image, wanted.length));
        }
        await new Promise((resolve) => setTimeout(resolve, 5 + 10 * Math.random()));
        ada.kill();
      }
      server.fault = () => null;
      const last = await ada.tab();
      const image = await open(last);
      await saved(last);
      expect(image.value.masks.map(({ id }) => id)).toEqual(wanted);
      expect([...server.image().masks.keys()]).toEqual(wanted);
      expect(server.image().log.length).toBe(wanted.length);
    }
  });

  it("that had accepted the mask in work finds it accepted, and no draft", async () => {
    const desk = await ada.tab();
    const image = await open(desk);
    image.draft.push(STEP);
    server.fault = noActions;
    image.add({ region: patch(3), source: "model" }, { effort: STEP.effort, endsDraft: true });
    expect(image.draft.value.step).toBeNull();
    await until(() => desk.saved.value.kind === "offline");
    ada.kill();
    server.fault = () => null;
    const again = await ada.tab();
    const reopened = await open(again);
    expect([left(reopened), reopened.draft.value.step]).toEqual([[3], null]);
    await saved(again);
    expect(server.image().actions[0].effort.seconds).toBe(12);
  });

  it("sends the leftovers of an image that is not opened again", async () => {
    const desk = await ada.tab();
    server.fault = noActions;
    add(await open(desk, 2), 5);
    await until(() => desk.saved.value.kind === "offline");
    ada.kill();
    server.fault = () => null;
    const again = await ada.tab();
    await again.sendLeftovers();
    await open(again, 1);
    await saved(again);
    expect(server.image(2).masks.size).toBe(1);
    await until(() => server.image(2).lease === null);
  });

  it("leftovers and their image opened at once go well together", async () => {
    const desk = await ada.tab();
    server.fault = noActions;
    add(await open(desk), 5);
    await until(() => desk.saved.value.kind === "offline");
    ada.kill();
    server.fault = () => null;
    const again = await ada.tab();
    const sending = again.sendLeftovers();
    const image = await open(again);
    await sending;
    add(image, 6);
    await saved(again);
    expect([stored(), left(image)]).toEqual([
      [5, 6],
      [5, 6],
    ]);
    expect(server.image().lease).not.toBeNull();
  });
});

describe("without the server", () => {
  it("work goes on, through undo of what was before, and all of it is sent later", async () => {
    const first = await ada.tab();
    const id = add(await open(first), 1);
    await saved(first);
    ada.kill();
    const desk = await ada.tab();
    const image = await open(desk);
    edit(image, id, 2);
    await saved(desk);
    server.fault = () => "down";
    await image.undo();
    add(image, 7);
    expect(left(image)).toEqual([1, 7]);
    await until(() => desk.saved.value.kind === "offline");
    server.fault = () => null;
    desk.retry();
    await saved(desk);
    expect(stored()).toEqual([1, 7]);
  });

  it("an image that was left is let go when it is saved, and not before", async () => {
    const desk = await ada.tab();
    server.fault = noActions;
    add(await open(desk), 1);
    desk.close(1);
    await until(() => desk.saved.value.kind === "offline");
    expect(server.image().lease).not.toBeNull();
    server.fault = () => null;
    desk.retry();
    await until(() => server.image().lease === null);
    expect(stored()).toEqual([1]);
  });

  it("an image that can't be shown is let go", async () => {
    const desk = await ada.tab();
    server.fault = (request) => (request === "GET /api/images/1" ? "down" : null);
    await expect(desk.open(1)).rejects.toMatchObject({ kind: "offline" });
    await until(() => server.image().lease === null);
  });

  it("an image that was left and opened again is not let go", async () => {
    const desk = await ada.tab();
    server.fault = noActions;
    add(await open(desk), 1);
    desk.close(1);
    await until(() => desk.saved.value.kind === "offline");
    server.fault = () => null;
    const image = await open(desk);
    add(image, 2);
    await saved(desk);
    expect([stored(), left(image)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(server.image().lease).not.toBeNull();
  });
});

describe("a page that begins while the server is away", () => {
  const away = () => "down" as const;

  /** Ada's image with a mask that is saved and one that is not; then the server goes, and she. */
  async function begun() {
    const before = await ada.tab();
    const image = await open(before);
    add(image, 1);
    await saved(before);
    server.fault = away;
    add(image, 2);
    await until(() => before.saved.value.kind === "offline");
    ada.kill();
    return ada.tab();
  }

  it("shows the image as it was, and saves all when the server is back", async () => {
    const desk = await begun();
    const image = await open(desk);
    expect(left(image)).toEqual([1, 2]);
    expect(desk.saved.value).toMatchObject({ kind: "offline", waiting: 1 });
    add(image, 3);
    await desk.catchUp();
    expect(desk.saved.value).toMatchObject({ kind: "offline", waiting: 2 });
    server.fault = () => null;
    await desk.catchUp();
    await saved(desk);
    expect([stored(), left(image), server.image().log.length]).toEqual([[1, 2, 3], [1, 2, 3], 3]);
  });

  it("goes on from what another did meanwhile", async () => {
    const desk = await begun();
    const image = await open(desk);
    server.image().lease = null; // it ran out
    server.fault = () => null;
    const his = await bob.tab();
    add((await his.open(1)).image, 9);
    await saved(his);
    await desk.catchUp();
    expect(desk.saved.value).toMatchObject({ kind: "lease lost", holder: { annotator: "Bob" } });
    his.close(1);
    await until(() => server.image().lease === null);
    expect(await desk.regain(1)).toEqual({ kind: "held" });
    await saved(desk);
    expect([stored(), rising(left(image))]).toEqual([
      [1, 2, 9],
      [1, 2, 9],
    ]);
  });

  it("shows no image that was not opened before", async () => {
    const desk = await begun();
    await expect(desk.open(2)).rejects.toMatchObject({ kind: "offline" });
  });

  it("is in one tab alone", async () => {
    await open(await begun());
    expect((await (await ada.tab()).open(1)).hold.kind).toBe("another tab");
  });
});

describe("two tabs of one browser", () => {
  it("do not work on one image; the second shows it", async () => {
    const image = await open(await ada.tab());
    add(image, 1);
    const { hold, image: shown } = await (await ada.tab()).open(1);
    expect([hold.kind, shown.isReadOnly]).toEqual(["another tab", true]);
    expect(() => add(shown, 2)).toThrow("only shown");
  });

  it("the second may take it; nothing of the first is lost or sent twice", async () => {
    const first = await ada.tab();
    server.fault = noActions;
    add(await open(first), 1);
    await until(() => first.saved.value.kind === "offline");
    server.fault = () => null;
    const second = await ada.tab();
    const { image, hold } = await second.open(1, true);
    expect(hold.kind).toBe("held");
    add(image, 2);
    await saved(second);
    expect([left(image), stored()]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await until(() => first.saved.value.kind === "lease lost");
    first.retry();
    expect(server.image().log.length).toBe(2);
  });

  it("what the second has sent waits in the first no more", async () => {
    const first = await ada.tab();
    server.fault = noActions;
    add(await open(first), 1);
    await until(() => first.saved.value.kind === "offline");
    server.fault = () => null;
    const second = await ada.tab();
    await second.open(1, true);
    await saved(second);
    await until(() => first.saved.value.kind === "lease lost");
    expect(first.saved.value).toMatchObject({ waiting: 1, holder: { annotator: "Ada" } });
    await first.catchUp();
    expect(first.saved.value.waiting).toBe(0);
    expect((await first.open(1, true)).hold.kind).toBe("held");
    expect(server.image().log.length).toBe(1);
  });

  it("on two images do not send each other's leftovers", async () => {
    const first = await ada.tab();
    server.fault = noActions;
    add(await open(first, 1), 1);
    await until(() => first.saved.value.kind === "offline");
    const second = await ada.tab();
    await second.sendLeftovers();
    expect(second.saved.value.waiting).toBe(0);
  });
});

describe("two people on one image", () => {
  it("one holds it, the other sees who", async () => {
    add(await open(await ada.tab()), 1);
    await until(() => server.image().log.length === 1);
    const { hold, image } = await (await bob.tab()).open(1);
    expect(hold).toMatchObject({ kind: "taken", holder: { annotator: "Ada" } });
    expect([image.isReadOnly, left(image)]).toEqual([true, [1]]);
  });

  /** Ada edits a mask offline; meanwhile Bob, who took the image, does `what` to it. */
  async function collide(what: (image: OpenImage<Patch>, id: string) => unknown) {
    const desk = await ada.tab();
    const image = await open(desk);
    const id = add(image, 1);
    await saved(desk);
    server.fault = noActions;
    edit(image, id, 20);
    add(image, 3);
    await until(() => desk.saved.value.kind === "offline");
    server.fault = () => null;
    const his = await bob.tab();
    const taken = await his.open(1, true);
    await what(taken.image, id);
    await saved(his);
    his.close(1);
    await until(() => server.image().lease === null);
    desk.retry();
    await until(() => desk.saved.value.kind === "lease lost");
    expect(await desk.regain(1)).toEqual({ kind: "held" });
    return { desk, image, id };
  }

  it.each([
    ["mine", [3, 20]],
    ["theirs", [3, 40]],
    ["both", [3, 20, 40]],
  ] as const)("both versions are shown, and the choice is done: %s", async (choice, after) => {
    const { desk, image, id } = await collide((his, id) => edit(his, id, 40));
    await until(() => desk.conflict.value);
    const { imageId, masks } = desk.conflict.value!;
    expect([imageId, masks.length]).toEqual([1, 1]);
    expect([masks[0].mine!.bbox[0], masks[0].theirs!.bbox[0]]).toEqual([20, 40]);
    const [{ theirsBy, mineAt }] = masks;
    expect(theirsBy!.annotator).toBe("Bob");
    expect(Date.parse(mineAt!)).toBeLessThanOrEqual(Date.parse(theirsBy!.at));
    expect(desk.saved.value.kind).toBe("conflict");
    await desk.resolve(new Map([[id, choice]]));
    expect(desk.conflict.value).toBeNull();
    await saved(desk);
    expect(stored()).toEqual(after);
    expect(rising(left(image))).toEqual(after);
    await image.undo();
    await saved(desk);
    expect(stored()).toEqual(rising(left(image)));
  });

  it("what the other deleted comes back, or does not", async () => {
    const { desk, id, image } = await collide((his, id) => his.delete([id]));
    await until(() => desk.conflict.value);
    expect(desk.conflict.value!.masks[0].theirs).toBeNull();
    await desk.resolve(new Map([[id, "mine"]]));
    await saved(desk);
    expect([stored(), rising(left(image))]).toEqual([
      [3, 20],
      [3, 20],
    ]);
  });

  it("other masks of the image are no conflict", async () => {
    const { desk, image } = await collide((his) => add(his, 50));
    await saved(desk);
    expect(desk.conflict.value).toBeNull();
    expect([stored(), rising(left(image))]).toEqual([
      [3, 20, 50],
      [3, 20, 50],
    ]);
  });

  it("an undo that came too late is done as an edit, without a question", async () => {
    const desk = await ada.tab();
    const image = await open(desk);
    add(image, 1);
    add(image, 2);
    await saved(desk);
    server.fault = noActions;
    await image.undo();
    await until(() => desk.saved.value.kind === "offline");
    server.fault = () => null;
    const his = await bob.tab();
    add((await his.open(1, true)).image, 9);
    await saved(his);
    his.close(1);
    await until(() => server.image().lease === null);
    desk.retry();
    await until(() => desk.saved.value.kind === "lease lost");
    await desk.regain(1);
    await saved(desk);
    expect([stored(), rising(left(image))]).toEqual([
      [1, 9],
      [1, 9],
    ]);
    expect(server.image().log.at(-1)!.kind).toBe("delete");
  });

  it("what was not saved can be given up", async () => {
    const { desk, image } = await collide((his, id) => edit(his, id, 40));
    await until(() => desk.conflict.value);
    await desk.discard(1);
    expect([desk.saved.value.kind, desk.conflict.value]).toEqual(["saved", null]);
    expect([stored(), left(image)]).toEqual([[40], [40]]);
  });
});
