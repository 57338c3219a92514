//! Recognises files by their first bytes, so that a file of the wrong kind is named and the command
//! that accepts it is named.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

mod advice;
mod kind;
mod recognise;

pub use advice::{ROS2_ADVICE, Wanted};
pub use kind::FileKind;
pub use recognise::HEAD_BYTES;
