//! Cameras that fail on purpose.

pub mod faults;
