/** What the process answers to its caller. Forced exits of a worker use 128 plus the signal's number. */
export const EXIT_OK = 0;
/** The command ran and failed. */
export const EXIT_FAILURE = 1;
/** The command line is wrong: nothing was done. */
export const EXIT_USAGE = 2;
