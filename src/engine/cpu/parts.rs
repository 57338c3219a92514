//! How long the parts of a restoration take.

use std::time::{Duration, Instant};

/// Duration of each part of the last restoration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Encoding the blurry image, once for all instants.
    pub image_encoder: Duration,
    /// Encoding the events.
    pub event_encoder: Duration,
    /// The four-corner MLPs, with the projection of the image's features.
    pub fusion: Duration,
    /// The deformable convolutions with their offsets.
    pub deformable: Duration,
    /// Upsampling, decoder and the product with the blurry image.
    pub decoder: Duration,
}

/// Runs `f` and adds its duration to `part`.
pub(super) fn timed<T>(part: &mut Duration, f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = f();
    *part += start.elapsed();
    result
}
