//! The error type of the subcommands.

/// An error as one line for the user: what failed, which file or device, what to do next.
pub(crate) type Failure = Box<dyn std::error::Error>;
