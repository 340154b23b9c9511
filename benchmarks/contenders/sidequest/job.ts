import { Job } from "@sidequest/core";

let handleJob: (job: number) => Promise<void> = async () => {};

/** Says what the jobs of this process do. */
export function setHandler(handle: (job: number) => Promise<void>): void {
  handleJob = handle;
}

export class BenchJob extends Job {
  async run(job: number): Promise<void> {
    await handleJob(job);
  }
}
