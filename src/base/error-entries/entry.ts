/** What `visiontrain explain ID` prints of an error. */
export interface ErrorEntry {
  /** The error in one sentence. */
  readonly what: string;
  readonly cause: string;
  readonly cure: string;
}
