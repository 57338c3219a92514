//! Events of an event camera, and the input tensor of the network.

mod buffer;
mod eger;
pub mod filter;
mod prior;
mod render;
mod thresholds;
mod trigger;

pub use buffer::{EventBuffer, EventPool};
pub use eger::{BINS, CHANNELS, EgerError, eger, eger_into};
pub use prior::{
    COUNT_UNIT, EventInput, LOG_RATIO_SCALE, MAX_LEVEL, MAX_LOG_RATIO, PRIOR_CHANNELS, TargetBins,
    append_prior, count_scales, log_ratio, prior_channels,
};
pub use render::render;
pub use thresholds::{Contrast, ContrastSource, Thresholds};
pub use trigger::{Trigger, TriggerEdge};

/// One brightness change at one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// Time in microseconds, on the clock of the exposure that the event belongs to.
    pub t_us: i64,
    /// Column, starting from 0 at the left.
    pub x: u16,
    /// Row, starting from 0 at the top.
    pub y: u16,
    /// `true` for an increase of brightness (ON), `false` for a decrease (OFF).
    pub polarity: bool,
}
