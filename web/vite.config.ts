import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defaultClientConditions, defineConfig } from "vite";

// WebAssembly threads share memory, which browsers allow only to pages isolated by these two.
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

// What answers for the server lies beside the page, under a name that stays.
const WORKER = "src/annotate/service-worker/service-worker.ts";

// The pages are a part of the Python package; parts of them alone, `--mode library`, are for tests.
const builds = {
  page: {
    input: ["index.html", "annotate.html", "rate.html", WORKER],
    outDir: "../anymask/engine/static",
  },
  library: { input: ["test.html", "test-view.html", "test-document.html"], outDir: "dist" },
};

// What a running `anymask web` or `anymask annotate` answers, for `npm run dev`.
const python = "http://127.0.0.1:8420";
const own = { target: python, changeOrigin: false }; // the server compares host and origin
const proxy = { "/picture": python, "/sample": python, "^/model/": python, "/api": own };

export default defineConfig(({ mode }) => {
  const entryFileNames = ({ name }: { name: string }) =>
    name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js";
  const output = { entryFileNames };
  const { input, outDir } = mode === "library" ? builds.library : builds.page;
  return {
    base: "./",
    plugins: [svelte()],
    publicDir: false,
    // Without this, ONNX Runtime's scripts contain a loader that starts our worker as its thread.
    resolve: { conditions: [...defaultClientConditions, "onnxruntime-web-use-extern-wasm"] },
    optimizeDeps: { exclude: ["onnxruntime-web"] },
    worker: { format: "es" },
    build: { target: "es2022", outDir, emptyOutDir: true, rolldownOptions: { input, output } },
    server: { headers, proxy },
    preview: { headers },
  };
});
