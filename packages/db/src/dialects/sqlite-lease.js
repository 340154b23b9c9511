// The address of the lease thread where the sources run; the build puts sqlite-lease.ts in its place.
import "./sqlite-lease.ts";
