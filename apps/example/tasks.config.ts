import { configureTasks, type TasksConfig } from "@tasks/core";

import { backend } from "./src/backend.ts";
import { defaultFolder } from "./src/places.ts";
import { refreshFolder } from "./src/tasks/refresh-folder.ts";

const config: TasksConfig = configureTasks({
  backends: { default: backend },
  tasks: ["./src/tasks/*.ts"],
  schedules: [{ task: refreshFolder, args: [defaultFolder], cron: "0 3 * * *", timezone: "UTC" }],
});

export default config;
