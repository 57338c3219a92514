//! EDI, the event-based double integral (Pan et al., CVPR 2019): the baseline without weights.
//!
//! A blurry frame is the mean of sharp ones. An event says that the logarithm of a pixel's
//! brightness changed by the contrast threshold, so relative to its value at one instant the
//! brightness is known throughout the exposure, and the frame divided by the mean of that is
//! the sharp image at that instant (equations 7 and 8 of the paper).

use super::DeblurError;
use crate::event::{EgerError, Event, Span};
use crate::frame::{Exposure, Planes, Size};

/// Change of the logarithm of brightness that makes a pixel fire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// For events towards brighter.
    pub on: f64,
    /// For events towards darker, as a positive number.
    pub off: f64,
}

impl Thresholds {
    /// The same threshold for both polarities.
    pub const fn both(contrast: f64) -> Self {
        Self { on: contrast, off: contrast }
    }
}

/// The sharp image at every target, a span on the events' clock. Events of another resolution
/// than the image's act on the pixels around them by bilinear interpolation of the logarithm.
///
/// # Errors
/// An empty or reversed exposure or target, or an event outside the sensor.
pub fn edi(
    exposure: &Exposure,
    targets: &[Span],
    thresholds: Thresholds,
) -> Result<Vec<Planes>, DeblurError> {
    let ratios = log_ratios(exposure, targets, thresholds)?;
    let size = exposure.frame.size();
    Ok(ratios.iter().map(|r| apply(&exposure.frame, &enlarge(r, exposure.sensor, size))).collect())
}

/// The threshold, one for both polarities, that makes the restored images of one exposure
/// look most like photographs: of which the gradients are fewest for their strength
/// (normalised sparsity, Krishnan et al., CVPR 2011). Too low a threshold leaves smeared edges,
/// too high a one adds ghosts; both spread the gradients.
///
/// # Errors
/// As [`edi`].
pub fn estimate_thresholds(exposure: &Exposure) -> Result<Thresholds, DeblurError> {
    /// Contrasts that event cameras are set to lie well within.
    const RANGE: (f64, f64) = (0.05, 0.8);
    let targets = [0.1, 0.5, 0.9].map(|f| Span::instant(exposure.span.at(f)));
    let exposure = Exposure {
        frame: reduce(&exposure.frame, exposure.sensor),
        span: exposure.span,
        events: ordered(exposure)?,
        sensor: exposure.sensor,
    };
    let spread = |log_contrast: f64| -> Result<f64, DeblurError> {
        let images = edi(&exposure, &targets, Thresholds::both(log_contrast.exp()))?;
        Ok(images.iter().map(gradient_spread).sum())
    };
    // A coarse scan finds the valley, a golden section its floor.
    let (low, high) = (RANGE.0.ln(), RANGE.1.ln());
    let step = (high - low) / 16.0;
    let mut best = (f64::INFINITY, low);
    for i in 0..=16 {
        let at = low + step * f64::from(i);
        let value = spread(at)?;
        if value < best.0 {
            best = (value, at);
        }
    }
    let (mut a, mut b) = ((best.1 - step).max(low), (best.1 + step).min(high));
    for _ in 0..8 {
        let golden = (b - a) * (5_f64.sqrt() - 1.0) / 2.0;
        if spread(b - golden)? < spread(a + golden)? {
            b = a + golden;
        } else {
            a = b - golden;
        }
    }
    Ok(Thresholds::both(((a + b) / 2.0).exp()))
}

/// L1 norm of the gradients of the logarithm over their L2 norm.
fn gradient_spread(image: &Planes) -> f64 {
    let (w, h) = (image.size().width, image.size().height);
    let log: Vec<f32> = (0..w * h)
        .map(|i| (0..image.channels()).map(|c| image.plane(c)[i]).sum::<f32>())
        .map(|v| (v / image.channels() as f32 + 0.02).max(0.02).ln())
        .collect();
    let (mut l1, mut l2) = (0.0_f64, 0.0_f64);
    for y in 0..h.saturating_sub(1) {
        let (row, below) = (&log[y * w..][..w], &log[(y + 1) * w..][..w]);
        for x in 0..w.saturating_sub(1) {
            let d = f64::from(row[x + 1] - row[x]).hypot(f64::from(below[x] - row[x]));
            l1 += d;
            l2 += d * d;
        }
    }
    if l2 > 0.0 { l1 / l2.sqrt() } else { 0.0 }
}

/// The mean of the pixels that fall into every cell of a smaller grid.
fn reduce(frame: &Planes, to: Size) -> Planes {
    let from = frame.size();
    let mut out = Planes::filled(frame.channels() == 3, to, 0.0);
    let bounds = |i: usize, n: usize, cells: usize| {
        let start = (i * n / cells).min(n - 1);
        start..((i + 1) * n / cells).max(start + 1)
    };
    for (c, plane) in out.data_mut().chunks_exact_mut(to.area()).enumerate() {
        let source = frame.plane(c);
        for (y, row) in plane.chunks_exact_mut(to.width).enumerate() {
            let rows = bounds(y, from.height, to.height);
            for (x, v) in row.iter_mut().enumerate() {
                let columns = bounds(x, from.width, to.width);
                let count = (rows.len() * columns.len()) as f32;
                let line = |r: usize| source[r * from.width..][columns.clone()].iter().sum::<f32>();
                *v = rows.clone().map(line).sum::<f32>() / count;
            }
        }
    }
    out
}

/// The events of the exposure in the order of time.
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

/// Brightness of every event pixel relative to the start of the exposure.
struct Level {
    /// exp(threshold times events so far).
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
    targets: &[Span],
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
    // Both ends of every target, in the order of time.
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
            l.now *= if e.on { up } else { down };
        }
    }
    stops.for_each(|s| stop(&levels, s));
    let duration = span.duration_us();
    let log = |(l, m): (&Level, &f64)| (m * duration / l.until(span.end_us)).ln() as f32;
    Ok(means.iter().map(|m| levels.iter().zip(m).map(log).collect()).collect())
}

/// Bilinear interpolation to another size, the outer edges of both aligned.
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

fn apply(frame: &Planes, log_ratio: &[f32]) -> Planes {
    let mut out = frame.clone();
    let ratio: Vec<f32> = log_ratio.iter().map(|r| r.exp()).collect();
    for plane in out.data_mut().chunks_exact_mut(ratio.len()) {
        plane.iter_mut().zip(&ratio).for_each(|(v, r)| *v *= r);
    }
    out
}
