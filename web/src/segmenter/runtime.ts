// ONNX Runtime on the best that the browser has. Only this file knows its builds: each is a script
// and a WebAssembly of 14 MB and more, served with the page and fetched when it is chosen.

import type { InferenceSession } from "onnxruntime-web";
import { ModelError, toNote } from "./errors";
import type { Backend } from "./protocol";

const LOG_ERRORS = 3; // and no warnings: which operators stay on the processor is no news

export type Ort = typeof import("onnxruntime-web");

/** A model that runs. */
export interface Opened {
  readonly backend: Backend;
  readonly ort: Ort;
  readonly session: InferenceSession;
}

interface Build {
  readonly ort: Ort;
  readonly mjs: string;
  readonly wasm: string;
}

export class Runtime {
  /** Why a backend was passed over, for people. */
  readonly notes: string[] = [];
  private readonly started = new Map<Backend, Promise<Ort>>();

  /** backends: the best first. threads: of the processor; more than one needs an isolated page. */
  constructor(
    private backends: readonly Backend[],
    readonly threads: number,
  ) {}

  /** Whether no graphics card is left to be tried. */
  get isOnProcessor(): boolean {
    return this.backends[0] === "wasm";
  }

  /** Leave out backends that don't start here: whether no graphics card is left. */
  async startsOnProcessor(): Promise<boolean> {
    while (!this.isOnProcessor && this.backends.length > 1) {
      const [backend] = this.backends;
      try {
        await this.running(backend);
        break;
      } catch (error) {
        this.passOver(backend, error);
      }
    }
    return this.isOnProcessor;
  }

  /**
   * Open a model on the first backend on which its first run succeeds, too: a graphics card that
   * lacks something often says so only then. What fails once is not tried again.
   */
  async open<T>(
    file: string,
    model: Uint8Array,
    firstRun: (opened: Opened) => Promise<T>,
  ): Promise<readonly [opened: Opened, result: T]> {
    for (const backend of this.backends) {
      try {
        const opened = await this.session(backend, model);
        return [opened, await firstRun(opened)];
      } catch (error) {
        this.passOver(backend, error);
      }
    }
    throw new ModelError(`nothing runs ${file} here: ${this.notes.join("; ") || "none was asked"}`);
  }

  /**
   * Open a model where another runs, for the other to go on with what it gives: that stays on the
   * graphics card, if that is where.
   */
  async beside({ backend }: Opened, model: Uint8Array): Promise<Opened> {
    const stays = backend === "webgpu" ? { preferredOutputLocation: "gpu-buffer" as const } : {};
    return this.session(backend, model, stays);
  }

  private async session(
    backend: Backend,
    model: Uint8Array,
    options: InferenceSession.SessionOptions = {},
  ): Promise<Opened> {
    const ort = await this.running(backend);
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [backend],
      graphOptimizationLevel: "all",
      logSeverityLevel: LOG_ERRORS,
      ...options,
    });
    return { backend, ort, session };
  }

  private passOver(backend: Backend, error: unknown): void {
    this.notes.push(`${backend} is not used: ${toNote(error).message}`);
    this.backends = this.backends.filter((other) => other !== backend);
  }

  private running(backend: Backend): Promise<Ort> {
    if (!this.started.has(backend)) this.started.set(backend, this.start(backend));
    return this.started.get(backend)!;
  }

  private async start(backend: Backend): Promise<Ort> {
    const alone = this.backends.length === 1;
    const { ort, mjs, wasm } = await (backend === "webgpu" ? card(alone) : processor());
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = this.threads;
    ort.env.wasm.wasmPaths = { mjs, wasm };
    return ort;
  }
}

/** software: take a graphics card that the browser only imitates, slower than the processor. */
async function card(software: boolean): Promise<Build> {
  const adapter = await globalThis.navigator.gpu?.requestAdapter();
  if (!adapter || (adapter.info.isFallbackAdapter && !software)) {
    throw new Error("the browser offers no graphics card");
  }
  // Of the builds with WebGPU this is the small one; it suspends WebAssembly where it has to wait.
  if (!("Suspending" in WebAssembly)) throw new Error("the browser can't suspend WebAssembly");
  const [ort, mjs, wasm] = await Promise.all([
    import("onnxruntime-web/jspi"),
    import("onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url"),
    import("onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url"),
  ]);
  return { ort, mjs: mjs.default, wasm: wasm.default };
}

async function processor(): Promise<Build> {
  const [ort, mjs, wasm] = await Promise.all([
    import("onnxruntime-web/wasm"),
    import("onnxruntime-web/ort-wasm-simd-threaded.mjs?url"),
    import("onnxruntime-web/ort-wasm-simd-threaded.wasm?url"),
  ]);
  return { ort, mjs: mjs.default, wasm: wasm.default };
}
