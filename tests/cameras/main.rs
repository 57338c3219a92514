//! Cameras, synchronisation of their clocks, and the alignment of frames with events.

#[path = "../aedat4/mod.rs"]
mod aedat4;
#[path = "../boards/mod.rs"]
mod boards;
#[cfg(all(feature = "genicam", unix))]
#[path = "../gige/mod.rs"]
mod gige;
#[path = "../played/mod.rs"]
mod played;

mod align;
mod aligned;
mod clock;
mod content;
mod counted;
mod davis;
mod dv;
mod filter;
mod genicam;
mod relock;
mod sync;
mod two_cameras;
mod unstamped;
mod uvc;
