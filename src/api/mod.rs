//! gRPC services and HTTP endpoints over an instance. Translates; the rules are in `mvcc`.
