//! A stand-in for the cameras of the tests.

/// If set, Aravis's own simulated camera is on the list, for trials without a camera.
pub const FAKE_VARIABLE: &str = "GEM_LIVE_ARAVIS_FAKE";
