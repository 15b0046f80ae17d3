//! Everything on disk: schema, durable writes, parts, checkpoints, the results file.
