import { defaultClientConditions, defineConfig } from "vite";

// WebAssembly threads share memory, which browsers allow only to pages isolated by these two.
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  base: "./",
  // Without this, ONNX Runtime's scripts contain a loader that starts our worker as its thread.
  resolve: { conditions: [...defaultClientConditions, "onnxruntime-web-use-extern-wasm"] },
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  worker: { format: "es" },
  build: { target: "es2022", rolldownOptions: { input: ["index.html", "test.html"] } },
  server: { headers },
  preview: { headers },
});
