// Package rpc is what every served call goes through, whatever its transport:
// request id, load shedding, deadline, recovery, error codes, metrics and logs.
// Layer.Do composes them in one place; the gRPC interceptors and Layer.HTTP are
// thin adapters of it. Errors have one type, Error, which gRPC sends as a status
// and HTTP as problem JSON (RFC 9457).
//
// It also runs servers of both transports from the first snapshot to the last
// request: gRPC with health that tells when it is ready and reflection, HTTP with
// limits for slow clients, and both with a drain that ends in time.
//
// Too many calls at once are 503 over HTTP and not 429: it is the server that has
// too much to do, not one client, and balancers try 503 elsewhere. A problem's type
// is about:blank, since the status and the code tell the kind.
package rpc
