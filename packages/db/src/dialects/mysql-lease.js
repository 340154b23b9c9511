// The address of the lease thread where the sources run; the build puts mysql-lease.ts in its place.
import "./mysql-lease.ts";
