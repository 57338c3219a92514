//! What a subcommand fails with.

/// A failure as one line for a person: what, which file or device, what to do.
pub(crate) type Failure = Box<dyn std::error::Error>;
