import { isError } from "./internal/is-error.ts";

/**
 * The base of every error this framework throws on purpose.
 *
 * `code` is stable and documented in `docs/errors.md`; the text may be improved at any time.
 */
export class TasksError extends Error {
  override readonly name: string = "TasksError";
  /** Stable identifier, `TASKS_…`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /**
   * Tells whether a value is an error of this framework, by its `code`, so that errors of a second copy of the package are recognised too.
   *
   * Called on a subclass (`InvalidTask.is(error)`) it also compares the name.
   */
  static is(value: unknown): value is TasksError {
    // Asked of every attempt, of which most have no error: a throw costs more than a task.
    if (value === undefined) return false;
    try {
      const { code, name } = value as TasksError;
      const isOurs = isError(value) && typeof code === "string" && code.startsWith("TASKS_");
      return isOurs && (this === TasksError || name === this.name);
    } catch {
      // Null, or something hostile that cannot even be looked at.
      return false;
    }
  }
}

/** A task, its options or its arguments are not acceptable to the framework or to the chosen backend. */
export class InvalidTask extends TasksError {
  override readonly name = "InvalidTask";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_INVALID_TASK", message, options);
  }
}

/** An option is unknown, or its value is not acceptable. Options of a task itself are `InvalidTask`. */
export class InvalidOption extends TasksError {
  override readonly name = "InvalidOption";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_INVALID_OPTION", message, options);
  }
}

/** A backend alias is unknown, or its backend could not be created. */
export class InvalidTaskBackend extends TasksError {
  override readonly name = "InvalidTaskBackend";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_INVALID_BACKEND", message, options);
  }
}

/** No result has this id: it never existed, was pruned, or the id is malformed. */
export class TaskResultDoesNotExist extends TasksError {
  override readonly name = "TaskResultDoesNotExist";
  constructor(id: string, options?: ErrorOptions) {
    super(
      "TASKS_RESULT_NOT_FOUND",
      `Task result '${id}' does not exist. It may have been pruned, or belong to another backend.`,
      options,
    );
  }
}

/** The id belongs to a result of another task. */
export class TaskResultMismatch extends TasksError {
  override readonly name = "TaskResultMismatch";
  constructor(receivedTaskName: string, options?: ErrorOptions) {
    super("TASKS_RESULT_MISMATCH", `Task does not match (received '${receivedTaskName}')`, options);
  }
}

/** A stored name is not the name of a task registered in this process. */
export class TaskDoesNotExist extends TasksError {
  override readonly name = "TaskDoesNotExist";
  constructor(taskName: string, options?: ErrorOptions) {
    super(
      "TASKS_TASK_NOT_FOUND",
      `Task '${taskName}' is not registered in this process. Import the module that defines it.`,
      options,
    );
  }
}

/** The backend does not have the ability that was asked for. */
export class NotSupported extends TasksError {
  override readonly name = "NotSupported";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_NOT_SUPPORTED", message, options);
  }
}

/** Arguments, a return value, metadata or progress are larger than the backend accepts. */
export class PayloadTooLarge extends TasksError {
  override readonly name = "PayloadTooLarge";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_PAYLOAD_TOO_LARGE", message, options);
  }
}

/** A unique task with `onConflict: "reject"` was enqueued while its key was taken. */
export class DuplicateTask extends TasksError {
  override readonly name = "DuplicateTask";
  /** The result that holds the key. */
  readonly existingId: string;
  constructor(taskName: string, existingId: string, options?: ErrorOptions) {
    super(
      "TASKS_DUPLICATE",
      `Task '${taskName}' is unique and already enqueued as '${existingId}'.`,
      options,
    );
    this.existingId = existingId;
  }
}

/** An attempt ran longer than the task's `timeoutMs`. */
export class TaskTimeout extends TasksError {
  override readonly name = "TaskTimeout";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_TIMEOUT", message, options);
  }
}

/** The task was cancelled. */
export class TaskCancelled extends TasksError {
  override readonly name = "TaskCancelled";
  constructor(message = "Task was cancelled.", options?: ErrorOptions) {
    super("TASKS_CANCELLED", message, options);
  }
}

/** The worker that ran the attempt vanished, or no longer owns the attempt. */
export class TaskLost extends TasksError {
  override readonly name = "TaskLost";
  constructor(message: string, options?: ErrorOptions) {
    super("TASKS_LOST", message, options);
  }
}

/** The worker is shutting down and the attempt did not end before the deadline; it runs again elsewhere. */
export class WorkerStopping extends TasksError {
  override readonly name = "WorkerStopping";
  constructor(message = "The worker is shutting down.", options?: ErrorOptions) {
    super("TASKS_WORKER_STOPPING", message, options);
  }
}

/** `returnValue` was read from a result whose task failed. The last stored error is in `cause`. */
export class TaskFailed extends TasksError {
  override readonly name = "TaskFailed";
  constructor(options?: ErrorOptions) {
    super("TASKS_FAILED", "Task failed", options);
  }
}

/** `returnValue` was read from a result whose task is still waiting or running. */
export class TaskNotFinished extends TasksError {
  override readonly name = "TaskNotFinished";
  constructor(options?: ErrorOptions) {
    super("TASKS_NOT_FINISHED", "Task has not finished yet", options);
  }
}

/** `wait()` gave up: the task did not finish in time. The task itself goes on. */
export class WaitTimeout extends TasksError {
  override readonly name = "WaitTimeout";
  constructor(id: string, timeoutMs: number, options?: ErrorOptions) {
    super(
      "TASKS_WAIT_TIMEOUT",
      `Task result '${id}' did not finish within ${timeoutMs} ms. The task goes on; wait again or raise timeoutMs.`,
      options,
    );
  }
}

/** The store of a backend could not be reached or refused the operation; trying again later may succeed. */
export class BackendUnavailable extends TasksError {
  override readonly name = "BackendUnavailable";
  /** Trying again is of no use before someone changes the store: its tables, a right or the database are missing. */
  readonly isPermanent: boolean;
  constructor(message: string, options?: ErrorOptions & { readonly isPermanent?: boolean }) {
    super("TASKS_BACKEND_UNAVAILABLE", message, options);
    this.isPermanent = options?.isPermanent ?? false;
  }
}
