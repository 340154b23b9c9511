// The address of the lease thread where the sources run; a build puts lease.ts in its place.
import "./lease.ts";
