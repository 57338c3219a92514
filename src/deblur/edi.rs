//! EDI, the event-based double integral (Pan et al., CVPR 2019): a baseline without weights.
//!
//! A blurry frame is the mean of sharp images over the exposure. An event means that the logarithm
//! of a pixel's brightness changed by the contrast threshold. Relative to its value at one instant,
//! the brightness is therefore known throughout the exposure; the frame divided by the mean of this
//! relative brightness is the sharp image at that instant (equations 7 and 8 of the paper).

#![allow(
    clippy::indexing_slicing,
    reason = "indices follow from image sizes, not from image content"
)]

use super::DeblurError;
use crate::event::{EgerError, Event, Thresholds};
use crate::exposure::Exposure;
use crate::image::{ImageF32, Size};
use crate::time::TimeRange;

/// The sharp image at every target, a time range on the events' clock. Events of another
/// resolution than the image's are upsampled by bilinear interpolation of the logarithm.
///
/// # Errors
/// Fails if the exposure or a target is empty or reversed, or an event lies outside the sensor.
pub fn edi(
    exposure: &Exposure,
    targets: &[TimeRange],
    thresholds: Thresholds,
) -> Result<Vec<ImageF32>, DeblurError> {
    let ratios = log_ratios(exposure, targets, thresholds)?;
    let frame = exposure.frame.to_f32();
    let size = frame.size();
    Ok(ratios.iter().map(|r| apply(&frame, &enlarge(r, exposure.sensor, size))).collect())
}

/// The events within the exposure, in order of time.
fn ordered(exposure: &Exposure) -> Result<Vec<Event>, DeblurError> {
    let Exposure { span, sensor, events, .. } = exposure;
    if sensor.area() == 0 {
        return Err(DeblurError::Sensor(*sensor));
    }
    if !(span.duration_us().is_finite() && span.duration_us() > 0.0) {
        return Err(EgerError::Exposure(span.start_us, span.end_us).into());
    }
    let within = |e: &&Event| (e.t_us as f64) >= span.start_us && (e.t_us as f64) < span.end_us;
    let mut list: Vec<Event> = events.iter().filter(within).copied().collect();
    let (width, height) = (sensor.width, sensor.height);
    let outside = |e: &&Event| usize::from(e.x) >= width || usize::from(e.y) >= height;
    if let Some(Event { x, y, .. }) = list.iter().find(outside).copied() {
        return Err(EgerError::Outside { x, y, width, height }.into());
    }
    if !list.is_sorted_by_key(|e| e.t_us) {
        list.sort_by_key(|e| e.t_us);
    }
    Ok(list)
}

/// Brightness of an event pixel relative to the start of the exposure.
struct Level {
    /// exp(threshold times the net number of events so far).
    now: f64,
    /// Integral over time since the start.
    integral: f64,
    since_us: f64,
}

impl Level {
    /// The integral up to `t_us`.
    fn until(&self, t_us: f64) -> f64 {
        self.integral + self.now * (t_us - self.since_us)
    }
}

/// Logarithm of sharp over blurry for every target, at the sensor's resolution.
fn log_ratios(
    exposure: &Exposure,
    targets: &[TimeRange],
    thresholds: Thresholds,
) -> Result<Vec<Vec<f32>>, DeblurError> {
    let Exposure { span, sensor, .. } = exposure;
    let events = ordered(exposure)?;
    for t in targets {
        if !(t.duration_us().is_finite() && t.duration_us() >= 0.0) {
            return Err(EgerError::Target(t.start_us, t.end_us).into());
        }
    }
    let (up, down) = (thresholds.on.exp(), (-thresholds.off).exp());
    let fresh = || Level { now: 1.0, integral: 0.0, since_us: span.start_us };
    let mut levels: Vec<Level> = (0..sensor.area()).map(|_| fresh()).collect();
    // Start and end of every target, in order of time.
    let mut stops: Vec<(f64, usize, bool)> = (targets.iter().enumerate())
        .flat_map(|(i, t)| [(t.start_us, i, false), (t.end_us, i, true)])
        .map(|(t, i, end)| (t.clamp(span.start_us, span.end_us), i, end))
        .collect();
    stops.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
    let mut stops = stops.into_iter().peekable();
    let mut means: Vec<Vec<f64>> = vec![Vec::new(); targets.len()];
    let mut stop = |levels: &[Level], (t_us, i, end): (f64, usize, bool)| {
        let (Some(target), Some(mean)) = (targets.get(i), means.get_mut(i)) else { return };
        let duration = target.end_us.min(span.end_us) - target.start_us.max(span.start_us);
        if duration <= 0.0 {
            *mean = levels.iter().map(|l| l.now).collect();
        } else if end {
            let add = |(m, l): (&mut f64, &Level)| *m = (*m + l.until(t_us)) / duration;
            mean.iter_mut().zip(levels).for_each(add);
        } else {
            *mean = levels.iter().map(|l| -l.until(t_us)).collect();
        }
    };
    for e in &events {
        let t_us = e.t_us as f64;
        while let Some(next) = stops.next_if(|s| s.0 <= t_us) {
            stop(&levels, next);
        }
        if let Some(l) = levels.get_mut(usize::from(e.y) * sensor.width + usize::from(e.x)) {
            l.integral = l.until(t_us);
            l.since_us = t_us;
            l.now *= if e.polarity { up } else { down };
        }
    }
    stops.for_each(|s| stop(&levels, s));
    let duration = span.duration_us();
    let log = |(l, m): (&Level, &f64)| (m * duration / l.until(span.end_us)).ln() as f32;
    Ok(means.iter().map(|m| levels.iter().zip(m).map(log).collect()).collect())
}

/// Bilinear interpolation to another size, with aligned outer edges.
fn enlarge(map: &[f32], from: Size, to: Size) -> Vec<f32> {
    if from == to {
        return map.to_vec();
    }
    let axis = |n: usize, cells: usize| -> Vec<(usize, usize, f32)> {
        (0..n)
            .map(|i| {
                let at = ((i as f64 + 0.5) * cells as f64 / n as f64 - 0.5).max(0.0);
                let low = (at as usize).min(cells - 1);
                (low, (low + 1).min(cells - 1), (at - low as f64).min(1.0) as f32)
            })
            .collect()
    };
    let (rows, columns) = (axis(to.height, from.height), axis(to.width, from.width));
    let mut out = Vec::with_capacity(to.area());
    for (top, bottom, fy) in rows {
        let (top, bottom) =
            (&map[top * from.width..][..from.width], &map[bottom * from.width..][..from.width]);
        out.extend(columns.iter().map(|(left, right, fx)| {
            let mix = |row: &[f32]| row[*left] + (row[*right] - row[*left]) * fx;
            mix(top) + (mix(bottom) - mix(top)) * fy
        }));
    }
    out
}

fn apply(frame: &ImageF32, log_ratio: &[f32]) -> ImageF32 {
    let mut out = frame.clone();
    let ratio: Vec<f32> = log_ratio.iter().map(|r| r.exp()).collect();
    for plane in out.data_mut().chunks_exact_mut(ratio.len()) {
        plane.iter_mut().zip(&ratio).for_each(|(v, r)| *v *= r);
    }
    out
}
