// The address of the lease thread where the sources run; the build puts redis-client-lease.ts in its place.
import "./redis-client-lease.ts";
