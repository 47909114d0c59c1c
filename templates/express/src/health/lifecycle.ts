/** Whether the service has been told to stop. The server says so, /readyz passes it on. */
export interface Lifecycle {
  isDraining: boolean;
}
