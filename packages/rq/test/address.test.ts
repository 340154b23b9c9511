import { InvalidOption } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { describe, expect, it } from "vitest";

import { parseAddress } from "../src/connection/address.ts";

const plain = { host: "127.0.0.1", port: 6379, db: 0 };

describe("an address", () => {
  it.each([
    ["redis://127.0.0.1", plain],
    ["redis://127.0.0.1:7000/3", { ...plain, port: 7000, db: 3 }],
    [" redis://127.0.0.1 ", plain],
    ["REDIS://127.0.0.1", plain],
    ["valkey://127.0.0.1", plain],
    ["rediss://redis.example", { ...plain, host: "redis.example", tls: {} }],
    ["valkeys://redis.example", { ...plain, host: "redis.example", tls: {} }],
    ["redis://[::1]:6379", { ...plain, host: "::1" }],
    ["redis://redis.example?family=6", { ...plain, host: "redis.example", family: 6 }],
    ["redis://redis.example?family=0", { ...plain, host: "redis.example" }],
    ["redis://127.0.0.1/?db=5", { ...plain, db: 5 }],
    ["redis://127.0.0.1/4?db=5", { ...plain, db: 4 }],
    ["redis://:secret@127.0.0.1", { ...plain, password: "secret" }],
    ["redis://:@127.0.0.1", plain],
    [
      "redis://ann:p%40ss%2Fw%23rd%25@127.0.0.1",
      { ...plain, username: "ann", password: "p@ss/w#rd%" },
    ],
    ["redis://ann@127.0.0.1", { ...plain, username: "ann", password: "" }],
    [
      "redis://127.0.0.1?username=ann&password=a%26b",
      { ...plain, username: "ann", password: "a&b" },
    ],
    ["127.0.0.1:6379", plain],
    ["localhost:7000/2", { host: "localhost", port: 7000, db: 2 }],
    ["//127.0.0.1:7000", { ...plain, port: 7000 }],
    ["7000", { ...plain, port: 7000 }],
    ["/run/redis.sock", { path: "/run/redis.sock", db: 0 }],
    ["/run/redis.sock?db=2", { path: "/run/redis.sock", db: 2 }],
    ["unix:///run/redis.sock", { path: "/run/redis.sock", db: 0 }],
    ["redis+socket:///run/a%20b.sock", { path: "/run/a b.sock", db: 0 }],
    [
      "unix:///run/redis.sock?db=1&username=ann&password=secret",
      { path: "/run/redis.sock", db: 1, username: "ann", password: "secret" },
    ],
  ])("%j leads to %o", (url, options) => {
    expect(parseAddress(url)).toEqual(options);
  });

  it.each([
    ["redis://:hunter2@127.0.0.1/tasks", "the path must be the number of a database"],
    ["redis://:hunter2@127.0.0.1/?db=x", "the path must be the number of a database"],
    ["redis://:hunter2@127.0.0.1?family=5", "family must be 0, 4 or 6"],
    ["redis://:hunter2@127.0.0.1?keyPrefix=a", "the parameter 'keyPrefix' is unknown"],
    [
      "redis://:hunter2@127.0.0.1?connectTimeout=5",
      "For other options pass connection: new Redis(",
    ],
    ["redis://:hunter2/%@127.0.0.1", 'write "/", "?", "#", "@" and "%" as %2F'],
    ["redis://:hunter2%@127.0.0.1", 'in the password, "%" must be written as %25'],
    ["http://:hunter2@127.0.0.1", "'http:' is unknown"],
    ["unix://run/redis.sock", "a socket is given by its whole path"],
    ["hunter2", "it is no address"],
    ["", "it is no address"],
  ])("%j is refused by name, and no password is shown", (url, why) => {
    const make = (): RQBackend => new RQBackend({ url });
    expect(make).toThrow(InvalidOption);
    expect(make).toThrow(why);
    expect(make).not.toThrow(/hunter2/);
  });
});
