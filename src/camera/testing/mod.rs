//! Cameras with injected faults, for tests.

pub mod faults;
