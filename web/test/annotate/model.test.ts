// A better model is loaded beside the one in use, and takes its place between two images.

import { expect, test } from "vitest";
import { Model, type Server } from "../../src/annotate/workspace/model";
import type { ImageEmbedding, Segmenter } from "../../src/segmenter";

const OLD = "m@old";
const NEW = "m@new";

/** A server whose model can be changed, and what is loaded and asked for. */
class World implements Server {
  inUse = OLD;
  readonly loads: string[] = [];
  readonly asked: string[] = [];
  file = "a file";
  readonly closed: string[] = [];
  /** Models of embeddings that were let go. */
  readonly dropped: string[] = [];
  readonly isBroken = new Set<string>();

  async model() {
    return { id: this.inUse, folder: `model/${this.inUse.slice(2)}/` };
  }

  async embedding(id: number, model: string) {
    this.asked.push(`${id} for ${model}`);
    return { bytes: new ArrayBuffer(8), file: this.file };
  }

  readonly load = async (folder: string | URL) => {
    this.loads.push(String(folder));
    const model = String(folder) === "./model/" ? OLD : `m@${String(folder).split("/")[2]}`;
    if (this.isBroken.has(model)) throw new Error("it can't be had");
    return {
      model,
      receive: async () =>
        ({ model, close: () => this.dropped.push(model) }) as unknown as ImageEmbedding,
      close: () => this.closed.push(model),
    } as unknown as Segmenter;
  };
}

async function started(world: World): Promise<Model> {
  const model = new Model(world, world.load);
  await model.ready;
  await settled();
  return model;
}

const settled = () => new Promise((resume) => setTimeout(resume, 0));

test("an image is annotated with one model, and the next one with the new", async () => {
  const world = new World();
  const model = await started(world);
  expect((await model.open(1)).model).toBe(OLD);
  world.inUse = NEW;
  await model.look();
  await settled();
  expect(world.loads).toEqual(["./model/", "./model/new/"]);
  expect(model.id).toBe(OLD);
  expect((await model.open(1)).model).toBe(OLD);
  expect((await model.ready).model).toBe(OLD);
  model.prepare(2); // for when it is opened
  await settled();
  model.move();
  expect(model.id).toBe(NEW);
  expect((await model.open(2)).model).toBe(NEW);
  await settled();
  expect(world.asked).toEqual(["1 for m@old", "2 for m@new"]);
  expect(world.closed).toEqual([OLD]);
  await model.look();
  expect(world.loads).toHaveLength(2);
});

test("a model that is not loaded yet is waited for, image by image", async () => {
  const world = new World();
  const model = await started(world);
  model.move();
  expect(model.id).toBe(OLD);
  world.inUse = NEW;
  world.isBroken.add(NEW);
  await model.look();
  await settled();
  model.move();
  expect(model.id).toBe(OLD);
  expect(world.closed).toEqual([]);
  world.isBroken.clear();
  await model.look();
  await settled();
  model.move();
  expect(model.id).toBe(NEW);
});

test("a model that is taken back before anybody used it is let go", async () => {
  const world = new World();
  const model = await started(world);
  world.inUse = NEW;
  await model.look();
  await settled();
  world.inUse = OLD;
  await model.look();
  await settled();
  model.move();
  expect(model.id).toBe(OLD);
  expect(world.closed).toEqual([NEW]);
});

test("an embedding of a file that was replaced is asked for again", async () => {
  const world = new World();
  const model = await started(world);
  model.prepare(1);
  await model.open(1, "a file");
  await model.open(1);
  expect(world.asked).toHaveLength(1);
  world.file = "another";
  await model.open(1, "another");
  await model.open(1, "another");
  await settled();
  expect(world.asked).toHaveLength(2);
  expect(world.dropped).toEqual([OLD]);
});
