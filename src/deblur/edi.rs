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
use crate::image::{ImageF32, Size, pixels_of_cell};
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

/// Estimates one threshold for both polarities from two consecutive exposures: each restored at its
/// middle, they must differ by the change that the events in between describe. `between` contains
/// the events from the middle of the first to the middle of the second exposure; others are
/// ignored. Returns `None` if too few pixels fired often enough.
///
/// # Errors
/// Like [`edi`].
pub fn estimate_thresholds(
    first: &Exposure,
    second: &Exposure,
    between: &[Event],
) -> Result<Option<Thresholds>, DeblurError> {
    /// Range of contrast thresholds that includes all common settings of event cameras.
    const RANGE: (f64, f64) = (0.05, 0.8);
    /// Net number of events from which a pixel is used: fewer are dominated by noise.
    const MIN_EVENTS: i32 = 3;
    const MIN_PIXELS: usize = 50;
    let sensor = first.sensor;
    let middles = [first, second].map(|e| e.span.at(0.5));
    let mut net = vec![0_i32; sensor.area()];
    for e in between.iter().filter(|e| (middles[0]..middles[1]).contains(&(e.t_us as f64))) {
        let at = usize::from(e.y) * sensor.width + usize::from(e.x);
        if let Some(n) = net.get_mut(at).filter(|_| usize::from(e.x) < sensor.width) {
            *n += if e.polarity { 1 } else { -1 };
        }
    }
    let informative: Vec<usize> = (0..net.len()).filter(|i| net[*i].abs() >= MIN_EVENTS).collect();
    if informative.len() < MIN_PIXELS || second.sensor != sensor {
        return Ok(None);
    }
    let ordered = [first, second].map(|e| ordered(e).map(|events| (e, events)));
    let mut sides = Vec::new();
    for side in ordered {
        let (e, events) = side?;
        let frame = ImageF32::filled(false, Size::new(1, 1), 0.0).into();
        let exposure = Exposure { frame, span: e.span, events: events.into(), sensor };
        sides.push((exposure, log_luminance(&reduce(&e.frame.to_f32(), sensor))));
    }
    let disagreement = |log_contrast: f64| -> Result<f64, DeblurError> {
        let contrast = log_contrast.exp();
        let mut latent = Vec::new();
        for ((exposure, log_blur), middle) in sides.iter().zip(middles) {
            let ratios =
                log_ratios(exposure, &[TimeRange::instant(middle)], Thresholds::both(contrast))?;
            let ratio = ratios.into_iter().next().unwrap_or_default();
            latent.push(ratio.iter().zip(log_blur).map(|(r, b)| r + b).collect::<Vec<f32>>());
        }
        let [before, after] = latent.as_slice() else { return Ok(f64::INFINITY) };
        let one =
            |i: &usize| (f64::from(after[*i] - before[*i]) - contrast * f64::from(net[*i])).abs();
        Ok(informative.iter().map(one).sum())
    };
    minimize((RANGE.0.ln(), RANGE.1.ln()), disagreement).map(|c| Some(Thresholds::both(c.exp())))
}

/// The argument at which `f` is smallest: a coarse scan finds the valley, a golden-section search
/// refines it.
fn minimize(
    (low, high): (f64, f64),
    mut f: impl FnMut(f64) -> Result<f64, DeblurError>,
) -> Result<f64, DeblurError> {
    const STEPS: i32 = 12;
    let step = (high - low) / f64::from(STEPS);
    let mut best = (f64::INFINITY, low);
    for i in 0..=STEPS {
        let at = low + step * f64::from(i);
        let value = f(at)?;
        if value < best.0 {
            best = (value, at);
        }
    }
    let (mut a, mut b) = ((best.1 - step).max(low), (best.1 + step).min(high));
    for _ in 0..8 {
        let golden = (b - a) * (5_f64.sqrt() - 1.0) / 2.0;
        if f(b - golden)? < f(a + golden)? {
            b = a + golden;
        } else {
            a = b - golden;
        }
    }
    Ok((a + b) / 2.0)
}

/// Logarithm of the mean of the planes, with a lower limit that avoids the logarithm of zero.
fn log_luminance(image: &ImageF32) -> Vec<f32> {
    const DARKEST: f32 = 1.0 / 255.0;
    let channels = image.channels();
    (0..image.size().area())
        .map(|i| (0..channels).map(|c| image.plane(c)[i]).sum::<f32>() / channels as f32)
        .map(|v| v.max(DARKEST).ln())
        .collect()
}

/// The mean of the pixels in every cell of a smaller grid.
fn reduce(frame: &ImageF32, to: Size) -> ImageF32 {
    let from = frame.size();
    let mut out = ImageF32::filled(frame.channels() == 3, to, 0.0);
    for (c, plane) in out.data_mut().chunks_exact_mut(to.area()).enumerate() {
        let source = frame.plane(c);
        for (y, row) in plane.chunks_exact_mut(to.width).enumerate() {
            let rows = pixels_of_cell(y, from.height, to.height);
            for (x, v) in row.iter_mut().enumerate() {
                let columns = pixels_of_cell(x, from.width, to.width);
                let count = (rows.len() * columns.len()) as f32;
                let line = |r: usize| source[r * from.width..][columns.clone()].iter().sum::<f32>();
                *v = rows.clone().map(line).sum::<f32>() / count;
            }
        }
    }
    out
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
