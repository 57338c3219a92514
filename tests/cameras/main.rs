//! Cameras, synchronisation of their clocks, and the alignment of frames with events.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "../aedat4/mod.rs"]
mod aedat4;
#[path = "../boards/mod.rs"]
mod boards;
#[cfg(unix)]
#[path = "../gige/mod.rs"]
mod gige;
#[path = "../played/mod.rs"]
mod played;

mod align;
mod aligned;
mod clock;
mod conformance;
mod content;
mod counted;
mod davis;
mod dv;
mod event_cameras;
mod event_words;
mod event_writers;
mod fake_usb;
#[cfg(target_os = "linux")]
mod fake_v4l2;
mod filter;
mod genicam;
mod relock;
mod sim;
mod sync;
mod two_cameras;
mod unstamped;
mod uvc;
#[cfg(target_os = "linux")]
mod v4l2;
