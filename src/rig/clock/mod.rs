//! Determines when frames were exposed, on the event clock.
//!
//! Trigger edges in the event stream ([`Pulses`]) are the most accurate. Without a sync cable, the
//! arrival times of both cameras' packets ([`Envelope`]) are used, together with image content,
//! which reveals the constant delay that arrival times cannot.

mod arrival_envelope;
mod content_sync;
mod edge_tracker;
mod frame_timer;
mod intensity;
mod linear_fit;
mod offset_search;
mod pixel_history;
mod pulses;
mod state;

pub use arrival_envelope::Envelope;
pub use frame_timer::FrameTimer;
pub use pulses::{Pulse, PulseStats, Pulses};
pub use state::{ClockSettings, SyncState};
