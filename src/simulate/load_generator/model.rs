//! How large a generated load is.

use crate::image::Size;
use crate::simulate::sim_name::Sizes;
use std::str::FromStr;

/// The load that the data path has to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadModel {
    /// Size of the frames.
    pub image: Size,
    /// Size of the event sensor.
    pub sensor: Size,
    /// Frames per second, 1 to 1000.
    pub frames_hz: u32,
    /// Events per second, at most 100 million.
    pub events_hz: u32,
}

/// Error for text that does not describe a load.
const USAGE: &str = "expected a load like loadgen:1152x768@60,12M or \
                     loadgen:1152x768/288x192@60,12M: frame size, event sensor size, frames per \
                     second (1 to 1000), events per second (up to 100M)";

impl FromStr for LoadModel {
    type Err = String;

    /// Parses `1152x768/288x192@60,12M`; the sensor size may be left out, and `k` and `M` are
    /// factors.
    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || USAGE.to_owned();
        let (sizes, rates) = text.split_once('@').ok_or_else(usage)?;
        let Sizes { image, sensor } = sizes.parse()?;
        let (frames, events) = rates.split_once(',').ok_or_else(usage)?;
        let (digits, factor) = match events.strip_suffix(['k', 'M']) {
            Some(digits) if events.ends_with('M') => (digits, 1e6),
            Some(digits) => (digits, 1e3),
            None => (events, 1.0),
        };
        let frames_hz: u32 = frames.parse().map_err(|_| usage())?;
        let events_hz = digits.parse::<f64>().map_err(|_| usage())? * factor;
        if !(1..=1000).contains(&frames_hz) || !(0.0..=1e8).contains(&events_hz) {
            return Err(usage());
        }
        Ok(Self { image, sensor, frames_hz, events_hz: events_hz as u32 })
    }
}

impl std::fmt::Display for LoadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { image, sensor, frames_hz, events_hz } = self;
        write!(f, "{image}/{sensor}@{frames_hz},{events_hz}")
    }
}
