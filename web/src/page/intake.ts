// The ways in which a picture comes: chosen, dropped, pasted.

/** Told of a picture, and of what to say about those left out. */
export type OnFile = (file: File, note: string) => void;

/** Listen for pictures. refuse: told why nothing could be taken. */
export function takePictures(
  input: HTMLInputElement,
  onFile: OnFile,
  refuse: (line: string) => void,
): void {
  const take = (files: FileList | null | undefined, otherwise: string) => {
    const [file] = files ?? [];
    if (!file) return refuse(otherwise);
    const more = files!.length - 1;
    onFile(file, more ? `the first of ${more + 1} files; one picture at a time` : "");
  };

  input.onchange = () => {
    if (input.files?.length) take(input.files, "");
    input.value = ""; // so that the same file can be chosen again
  };

  let depth = 0; // of elements that the drag is over: leaving one enters another
  const over = (change: number) => {
    depth = Math.max(depth + change, 0);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // the browser would leave the page for the file
    over(-depth);
    take(event.dataTransfer?.files, "what was dropped is no file: save the picture, then drop it");
  });
  document.addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "text") return;
    take(event.clipboardData?.files, "there is no picture on the clipboard");
  });
}
