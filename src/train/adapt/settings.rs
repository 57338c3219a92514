//! How weights are adapted.

use crate::event::Thresholds;
use crate::time::EventTimes;
use crate::train::Device;
use std::time::Duration;

/// Settings of an adaptation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Training time; evaluation comes on top of it.
    pub time: Duration,
    /// Batch size.
    pub batch: usize,
    /// Learning rate. The default is a fifth of that of the published cycles: working weights need
    /// small adjustments only.
    pub rate: f64,
    /// The event camera's contrast thresholds, which weights with the event prior need; none to use
    /// those that are known of every file, or an estimate.
    pub thresholds: Option<Thresholds>,
    /// Side of the crops in image pixels; reduced if the recording is smaller.
    pub side: usize,
    /// Random seed.
    pub seed: u64,
    /// Device that computes gradients; evaluation runs on the CPU.
    pub device: Device,
    /// Unit and offset of the events' times.
    pub times: EventTimes,
}

impl Default for Settings {
    fn default() -> Self {
        let time = Duration::from_secs(600);
        Self {
            time,
            batch: 4,
            rate: 1e-4,
            thresholds: None,
            side: 128,
            seed: 1226,
            device: Device::Processor,
            times: EventTimes::default(),
        }
    }
}
