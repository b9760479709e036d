/** The browser's small storage; null where it is switched off, which asking for it throws. */
export function browserStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
