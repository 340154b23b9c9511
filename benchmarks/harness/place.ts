/** Where a contender keeps its jobs during one measurement: a database of its own. Removed when disposed of. */
export interface Place extends AsyncDisposable {
  /** What a contender opens: the path of a file, or a url. */
  readonly address: string;
  /** Looks from outside, by a connection that no contender knows of: the first column of the first row. */
  value(query: string): Promise<unknown>;
  exec(statement: string): Promise<void>;
  /** Lets it settle, as it would in a quiet hour, and closes what keeps it from being copied. */
  settle(): Promise<void>;
}

/** Makes places of one store; its server, if it has one, lives as long. */
export interface Places extends AsyncDisposable {
  /** The store and its settings, in one line of the report. */
  readonly description: string;
  /** A fresh place; a copy of `template`, which has settled, when one is given. */
  create(template?: Place): Promise<Place>;
  /** Processor time of the server so far, in microseconds; 0 for a store that lives in the contenders' processes. */
  serverCpuUs(): number;
}
