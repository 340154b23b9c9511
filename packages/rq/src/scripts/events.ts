/** Whether scripts tell BullMQ's `QueueEvents` what happens to tasks: `tell(queue, id, event, …)`, with names and values as BullMQ gives them. */
export const SILENT = "local function tell() end";

/** The stream of a queue keeps about the latest 10,000 events, as BullMQ's does. */
export const EVENTS = `
local function tell(queue, id, event, ...)
  call('XADD', of(queue, 'events'), 'MAXLEN', '~', 10000, '*', 'event', event, 'jobId', id, ...)
end
`;
