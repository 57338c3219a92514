//! The offset between two cameras from what they see.
//!
//! Where the picture became brighter from one frame to the next, more positive events fired in
//! between. The shift of time at which the two agree best is what the arrival times could not
//! tell: the constant part of the delays.

use crate::event::Event;
use crate::frame::{Picture, Size};

/// Blocks along either side that brightness is compared in.
const GRID: usize = 16;

/// A frame's brightness, block by block, and the middle of its exposure.
#[derive(Clone, Debug)]
pub struct Glance {
    mid_us: f64,
    blocks: Vec<f32>,
}

impl Glance {
    /// Looks at a picture whose exposure has its middle at `mid_us`, on the event camera's
    /// clock as it is estimated so far.
    pub fn new(picture: &Picture, mid_us: f64) -> Self {
        let Size { width, height } = picture.size();
        let mut sums = vec![(0_u64, 0_u64); GRID * GRID];
        for (y, row) in picture.plane(1).chunks_exact(width).enumerate() {
            for (x, v) in row.iter().enumerate() {
                let block = (y * GRID / height) * GRID + x * GRID / width;
                if let Some((sum, n)) = sums.get_mut(block) {
                    *sum += u64::from(*v);
                    *n += 1;
                }
            }
        }
        let log = |(sum, n): (u64, u64)| (sum as f32 / n.max(1) as f32 + 1.0).ln();
        Self { mid_us, blocks: sums.into_iter().map(log).collect() }
    }
}

/// What comparing frames and events found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContentFit {
    /// To be added to the frames' times, in microseconds.
    pub offset_us: f64,
    /// Correlation at that offset, at most 1.
    pub correlation: f64,
}

/// The shift within `reach_us` either way at which frames and events agree best.
///
/// Frames and events in order of time, pixel-aligned. `None` with fewer than three frames, or
/// where the best agreement lies at the end of the reach: nothing moved, or it lies beyond.
pub fn content_offset(
    frames: &[Glance],
    events: &[Event],
    sensor: Size,
    reach_us: f64,
    step_us: f64,
) -> Option<ContentFit> {
    if frames.len() < 3 || sensor.area() == 0 || !(step_us >= 1.0 && reach_us >= step_us) {
        return None;
    }
    let block = |e: &Event| {
        let (x, y) = (usize::from(e.x).min(sensor.width - 1), usize::from(e.y));
        (y.min(sensor.height - 1) * GRID / sensor.height) * GRID + x * GRID / sensor.width
    };
    let steps = (reach_us / step_us) as i64;
    let score = |step: i64| -> f64 {
        let shift_us = step as f64 * step_us;
        let (mut dot, mut dd, mut ee) = (0.0_f64, 0.0_f64, 0.0_f64);
        // An event says that a whole threshold was crossed; on the mean half of the next one
        // has gone by. Without that half the events seem to lag behind the light.
        let mut direction = vec![0.0_f64; sensor.area()];
        let mut light = vec![0.0_f64; GRID * GRID];
        let mut rest = events.iter().peekable();
        let mut before: Option<(&Glance, Vec<f64>)> = None;
        for glance in frames {
            while let Some(e) = rest.next_if(|e| (e.t_us as f64) < glance.mid_us + shift_us) {
                let pixel = usize::from(e.y) * sensor.width + usize::from(e.x);
                let sign = if e.on { 1.0 } else { -1.0 };
                if let (Some(last), Some(v)) = (direction.get_mut(pixel), light.get_mut(block(e))) {
                    *v += sign + 0.5 * (sign - *last);
                    *last = sign;
                }
            }
            if let Some((a, then)) = &before {
                let differences = a.blocks.iter().zip(&glance.blocks).map(|(a, b)| b - a);
                for (d, e) in differences.zip(light.iter().zip(then).map(|(n, t)| n - t)) {
                    let d = f64::from(d);
                    dot += d * e;
                    dd += d * d;
                    ee += e * e;
                }
            }
            before = Some((glance, light.clone()));
        }
        if dd > 0.0 && ee > 0.0 { dot / (dd * ee).sqrt() } else { 0.0 }
    };
    let scores: Vec<f64> = (-steps..=steps).map(score).collect();
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))?;
    let [left, peak, right] = *scores.get(best.checked_sub(1)?..best + 2)? else { return None };
    let curve = left - 2.0 * peak + right;
    if curve >= 0.0 {
        return None;
    }
    let fraction = 0.5 * (left - right) / curve;
    let offset_us = ((best as i64 - steps) as f64 + fraction) * step_us;
    Some(ContentFit { offset_us, correlation: peak })
}
