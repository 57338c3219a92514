//! Aravis's simulated camera, used by the tests.

/// Environment variable that adds Aravis's simulated camera to the list.
pub const FAKE_VARIABLE: &str = "GEM_LIVE_ARAVIS_FAKE";
