// A value that tells when it changes; Svelte takes it as a store.

export type Unsubscribe = () => void;

export interface Readable<T> {
  readonly value: T;
  /** Call `run` with the value now, and with every later one. */
  subscribe(run: (value: T) => void): Unsubscribe;
}

export class Observable<T> implements Readable<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    this.current = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  subscribe(run: (value: T) => void): Unsubscribe {
    const listener = (value: T) => run(value); // one of its own, should `run` subscribe twice
    this.listeners.add(listener);
    run(this.current);
    return () => this.listeners.delete(listener);
  }
}
