/** How far the service has come in stopping. */
export interface Lifecycle {
  /** Told to stop: /readyz says so, everything else is still served. */
  isDraining: boolean;
  /** No new connection is taken any more, and no new work. */
  isClosed: boolean;
}
