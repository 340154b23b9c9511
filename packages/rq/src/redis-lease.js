// The address of the lease thread where the sources run; the build puts redis-lease.ts in its place.
import "./redis-lease.ts";
