//! Options and status of the frame timing.

use super::pulses::PulseStats;

/// How frames are currently timed.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SyncState {
    /// There is no information yet.
    Unknown,
    /// Frames and events share one clock.
    OneClock,
    /// Frames are timed by trigger edges in the event stream.
    Edges {
        /// Root mean square residual of the edges from the fitted line, in microseconds.
        residual_us: f64,
        /// Drift of the event clock relative to the frame clock, in parts per million.
        drift_ppm: f64,
        /// Counters of the pulses.
        pulses: PulseStats,
    },
    /// Frames are timed by arrival times, corrected by the delay found from image content.
    Content {
        /// Standard deviation of single comparisons of frames and events from the result, in
        /// microseconds.
        residual_us: f64,
        /// Correction that is added to arrival times, in microseconds.
        offset_us: f64,
        /// Drift of the event clock relative to the frame clock, in parts per million.
        drift_ppm: f64,
    },
    /// Edges have stopped; the last fitted line is extrapolated.
    Held {
        /// Time since the last edge, in seconds.
        silent_s: f64,
        /// Drift of the event clock relative to the frame clock, in parts per million.
        drift_ppm: f64,
    },
    /// Frames are timed by arrival times only. A constant delay of one camera is an error of the
    /// same size.
    Arrival {
        /// Root mean square distance of the fastest packets from the fitted line, in microseconds.
        residual_us: f64,
        /// Drift of the event clock relative to the frame clock, in parts per million.
        drift_ppm: f64,
    },
}

/// Known properties of the cameras, and options of the frame timing.
#[derive(Clone, Copy, Debug)]
pub struct ClockSettings {
    /// Use trigger edges.
    pub edges: bool,
    /// Shortest time from the end of an exposure to the arrival of the frame, in microseconds:
    /// readout and transfer.
    pub frame_latency_us: f64,
    /// Shortest time from the end of an event packet to its arrival, in microseconds.
    pub event_latency_us: f64,
    /// How long a frame waits for its edges, in microseconds of the host clock.
    pub edge_timeout_us: i64,
    /// Compare frames with events when there are no edges. Their pixels must be aligned.
    pub content: bool,
    /// Time from the rising edge to the opening of the shutter, in microseconds: the delay of the
    /// trigger's opto-isolator and of the camera, from its data sheet.
    pub open_delay_us: i64,
    /// Time from the falling edge to the closing of the shutter, in microseconds.
    pub close_delay_us: i64,
}

impl Default for ClockSettings {
    fn default() -> Self {
        Self {
            edges: true,
            frame_latency_us: 0.0,
            event_latency_us: 0.0,
            edge_timeout_us: 100_000,
            content: true,
            open_delay_us: 0,
            close_delay_us: 0,
        }
    }
}
