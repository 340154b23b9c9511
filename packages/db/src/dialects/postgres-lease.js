// The address of the lease thread where the sources run; the build puts postgres-lease.ts in its place.
import "./postgres-lease.ts";
