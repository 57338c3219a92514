//! EGER, the exposure-guided event representation (GEM, ICCV 2023, section 3.1).
//!
//! The exposure is divided into 16 equal bins. Within each bin, events before, within and after the
//! target are counted separately, and so are the two polarities: `channel = bin * 6 + part * 2 +
//! polarity`.

use super::Event;
use crate::time::TimeRange;

/// Number of equal bins of an exposure.
pub const BINS: usize = 16;
/// Channels of the representation: 16 bins, 3 parts, 2 polarities.
pub const CHANNELS: usize = BINS * 6;

/// Why events could not be turned into the representation.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum EgerError {
    /// The exposure has no duration, is reversed or is not finite.
    #[error("the exposure from {0} us to {1} us is empty, reversed or not finite")]
    Exposure(f64, f64),
    /// The target is reversed or not finite.
    #[error("the target from {0} us to {1} us is reversed or not finite")]
    Target(f64, f64),
    /// An event lies outside the sensor.
    #[error("an event at column {x}, row {y} lies outside the {width}x{height} event sensor")]
    Outside {
        /// Column of the event.
        x: u16,
        /// Row of the event.
        y: u16,
        /// Columns of the sensor.
        width: usize,
        /// Rows of the sensor.
        height: usize,
    },
    /// The length of the output buffer is not `96 * height * width`.
    #[error("the output holds {found} numbers where {expected} are needed")]
    Length {
        /// Numbers in the buffer.
        found: usize,
        /// Numbers needed.
        expected: usize,
    },
}

/// Counts the events of one exposure into a new `(96, height, width)` tensor.
///
/// # Errors
/// As [`eger_into`].
pub fn eger(
    events: &[Event],
    exposure: TimeRange,
    target: TimeRange,
    height: usize,
    width: usize,
) -> Result<Vec<f32>, EgerError> {
    let mut out = vec![0.0; CHANNELS * height * width];
    eger_into(events, exposure, target, height, width, &mut out)?;
    Ok(out)
}

/// Counts the events of one exposure into `out`, with the layout `(96, height, width)`.
///
/// Events outside the exposure are ignored. The order of the events does not matter.
///
/// # Errors
/// An empty or reversed exposure, a reversed target, an event outside the sensor, or a buffer of
/// the wrong length. After an error, the contents of the buffer are undefined.
pub fn eger_into(
    events: &[Event],
    exposure: TimeRange,
    target: TimeRange,
    height: usize,
    width: usize,
    out: &mut [f32],
) -> Result<(), EgerError> {
    let plane = height * width;
    if out.len() != CHANNELS * plane {
        return Err(EgerError::Length { found: out.len(), expected: CHANNELS * plane });
    }
    let duration_us = exposure.duration_us();
    if !(duration_us.is_finite() && duration_us > 0.0) {
        return Err(EgerError::Exposure(exposure.start_us, exposure.end_us));
    }
    let target_us = target.duration_us();
    if !(target_us.is_finite() && target_us >= 0.0) {
        return Err(EgerError::Target(target.start_us, target.end_us));
    }
    let bin_us = duration_us / BINS as f64;
    let bin = |e: &Event| (((e.t_us as f64 - exposure.start_us) / bin_us) as usize).min(BINS - 1);
    let before = |e: &Event| (e.t_us as f64) < exposure.start_us;
    let within = |e: &&Event| !before(e) && (e.t_us as f64) < exposure.end_us;
    let count = |cells: &mut [f32], first: usize, event: &Event| {
        let (x, y) = (usize::from(event.x), usize::from(event.y));
        if x >= width || y >= height {
            return Err(EgerError::Outside { x: event.x, y: event.y, width, height });
        }
        let t_us = event.t_us as f64;
        let part = usize::from(t_us >= target.start_us) + usize::from(t_us >= target.end_us);
        let channel = first + part * 2 + usize::from(event.polarity);
        if let Some(count) = cells.get_mut(channel * plane + y * width + x) {
            *count += 1.0;
        }
        Ok(())
    };
    if events.is_sorted_by_key(|e| e.t_us) {
        // Process bin by bin, so that zeroed memory is still in the cache when its events are
        // counted.
        let mut rest = events.get(events.partition_point(before)..).unwrap_or_default();
        for (number, cells) in out.chunks_mut((6 * plane).max(1)).enumerate() {
            cells.fill(0.0);
            let inside = |e: &Event| (e.t_us as f64) < exposure.end_us && bin(e) <= number;
            let (of_bin, later) = rest.split_at(rest.partition_point(inside));
            of_bin.iter().try_for_each(|e| count(cells, 0, e))?;
            rest = later;
        }
        return Ok(());
    }
    out.fill(0.0);
    events.iter().filter(within).try_for_each(|e| count(out, bin(e) * 6, e))
}
