// Of the tabs of one browser, which one works on something.

export interface LockOptions {
  /** From the tab that has it, which is told. */
  readonly steal: boolean;
  readonly onStolen: () => void;
}

/** Gives how to let the lock go, or null if another tab has it. */
export type TabLock = (name: string, options: LockOptions) => Promise<(() => void) | null>;

/** Web Locks, which end with the tab, however it ends. prefix: of their names. */
export function webLock(manager: LockManager, prefix: string): TabLock {
  return (name, { steal, onStolen }) =>
    new Promise((resolve, reject) => {
      let isHeld = false;
      const hold = (lock: Lock | null) => {
        if (!lock) return resolve(null);
        isHeld = true;
        return new Promise<void>((letGo) => resolve(letGo));
      };
      const options = steal ? { steal } : { ifAvailable: true };
      manager
        .request(`${prefix} ${name}`, options, hold)
        .catch((error: unknown) => (isHeld ? onStolen() : reject(error)));
    });
}

/**
 * Where there are no locks, as on pages from plain http hosts: the lease alone decides, which goes to
 * an annotator's newest page.
 */
export const noLock: TabLock = async () => () => {};
