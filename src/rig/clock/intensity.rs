//! The intensity of one pixel, reconstructed from its events.
//!
//! At the time of an event, the intensity is known exactly: it has reached a threshold. Between two
//! events it is not known. Where it stopped changing, it stopped between two thresholds, on average
//! half a step after the last event. Holding the intensity at the last event, as a plain sum of
//! events does, makes it late by half a threshold, which is milliseconds at slow edges.

use crate::time::TimeRange;

/// An event of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelEvent {
    pub(super) t_us: i64,
    pub(super) on: bool,
}

/// Longest time that the change of one threshold step is assumed to take, in microseconds.
pub(super) const LONGEST_US: i64 = 100_000;

/// A linear change of log intensity.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ramp {
    from_us: f64,
    until_us: f64,
    /// Height in OFF and ON thresholds; negative for a change in the opposite direction.
    steps: [f64; 2],
}

fn steps(on: bool, count: f64) -> [f64; 2] {
    if on { [0.0, count] } else { [count, 0.0] }
}

/// Calls `each` with the ramps that the events of one pixel represent. Events and ramps are in
/// order of time, and ramps do not overlap.
fn ramps(fired: &[PixelEvent], mut each: impl FnMut(Ramp)) {
    let gap = |i: usize| {
        let pair = fired.get(i..=i + 1)?;
        let [a, b] = pair else { return None };
        Some((b.t_us - a.t_us).clamp(1, i64::MAX) as f64)
    };
    let longest = LONGEST_US as f64;
    for (i, event) in fired.iter().enumerate() {
        let t = event.t_us as f64;
        let before = i.checked_sub(1).and_then(gap);
        let after = gap(i);
        // Duration of a step: as long as the next or previous interval.
        let step_us = |other: Option<f64>| other.unwrap_or(longest).min(longest);
        let mut head = steps(event.on, 1.0);
        let mut head_us = step_us(after);
        if let Some((previous, gap_us)) = i.checked_sub(1).and_then(|k| fired.get(k)).zip(before) {
            // The previous event already added half a step in its direction.
            let same = previous.on == event.on;
            let [off, on] = steps(previous.on, 0.5);
            head = [head[0] - off, head[1] - on];
            head_us *= if same { 0.5 } else { 1.5 };
            head_us = head_us.min(gap_us * if same { 0.5 } else { 0.75 });
        }
        each(Ramp { from_us: t - head_us, until_us: t, steps: head });
        let room = after.map_or(longest, |gap_us| {
            let same = fired.get(i + 1).is_some_and(|next| next.on == event.on);
            gap_us * if same { 0.5 } else { 0.25 }
        });
        let tail_us = (step_us(before) * 0.5).min(room);
        each(Ramp { from_us: t, until_us: t + tail_us, steps: steps(event.on, 0.5) });
    }
}

/// Two time ranges, shifted together by `N` offsets.
pub(super) struct Shifted<'a, const N: usize> {
    pub(super) early: TimeRange,
    pub(super) late: TimeRange,
    /// Offsets in microseconds, ascending.
    pub(super) by_us: &'a [f64; N],
}

/// Computes, for every shift, the change of a pixel's mean intensity from the early to the late
/// time range, in OFF and ON thresholds. Returns whether the intensity changes within any of them.
///
/// The signal is traversed once, and its integral is recorded at each start and end of a time
/// range. The run time is the number of events plus the number of shifts, not their product.
pub(super) fn changes<const N: usize>(
    fired: &[PixelEvent],
    shifted: &Shifted<'_, N>,
    out: &mut [[f64; 2]; N],
) -> bool {
    let Shifted { early, late, by_us } = *shifted;
    let (Some(first_us), Some(last_us)) = (by_us.first(), by_us.last()) else { return false };
    let (begin_us, end_us) = (early.start_us + first_us, late.end_us + last_us);
    let mut boundaries = [early.start_us, early.end_us, late.start_us, late.end_us]
        .map(|us| BoundaryIntegral::<N>::new(us, by_us));
    let (mut touched, mut light) = (false, Light { at_us: begin_us, ..Light::default() });
    ramps(fired, |ramp| {
        if ramp.until_us <= begin_us || ramp.from_us >= end_us {
            return;
        }
        touched = true;
        // Ramps overlap only if events are out of order.
        let from_us = ramp.from_us.max(light.at_us);
        let length_us = ramp.until_us - from_us;
        light.walk(from_us, &mut boundaries);
        if length_us > 0.0 {
            let whole_us = ramp.until_us - ramp.from_us;
            // A part before the first time range does not change the difference between the ranges.
            light.rise_per_us = ramp.steps.map(|s| s / whole_us);
            light.walk(ramp.until_us, &mut boundaries);
            light.rise_per_us = [0.0; 2];
        } else {
            light.level = [light.level[0] + ramp.steps[0], light.level[1] + ramp.steps[1]];
        }
    });
    if !touched {
        return false;
    }
    light.walk(f64::INFINITY, &mut boundaries);
    let [a, b, c, d] = &boundaries;
    let per_us = (1.0 / early.duration_us(), 1.0 / late.duration_us());
    let areas = a.areas.iter().zip(&b.areas).zip(c.areas.iter().zip(&d.areas));
    for (change, ((a, b), (c, d))) in out.iter_mut().zip(areas) {
        let of = |a: f64, b: f64, c: f64, d: f64| (d - c) * per_us.1 - (b - a) * per_us.0;
        *change = [of(a[0], b[0], c[0], d[0]), of(a[1], b[1], c[1], d[1])];
    }
    true
}

/// The intensity and its integral at the current time, in thresholds and microseconds.
#[derive(Default)]
struct Light {
    at_us: f64,
    level: [f64; 2],
    area: [f64; 2],
    rise_per_us: [f64; 2],
}

impl Light {
    /// Advances to a time, and records the integral at all times before it.
    fn walk<const N: usize>(
        &mut self,
        until_us: f64,
        boundaries: &mut [BoundaryIntegral<'_, N>; 4],
    ) {
        for boundary in boundaries.iter_mut() {
            boundary.up_to(until_us, self);
        }
        if until_us > self.at_us && until_us.is_finite() {
            self.area = self.area_at(until_us);
            let passed_us = until_us - self.at_us;
            let [off, on] = self.rise_per_us;
            self.level = [self.level[0] + off * passed_us, self.level[1] + on * passed_us];
            self.at_us = until_us;
        }
    }

    fn area_at(&self, us: f64) -> [f64; 2] {
        let passed_us = us - self.at_us;
        let of =
            |area: f64, level: f64, rise: f64| area + passed_us * (level + 0.5 * passed_us * rise);
        let Self { level, area, rise_per_us: rise, .. } = self;
        [of(area[0], level[0], rise[0]), of(area[1], level[1], rise[1])]
    }
}

/// One boundary of a time range at every shift, and the integral of the intensity up to it.
struct BoundaryIntegral<'a, const N: usize> {
    us: f64,
    by_us: &'a [f64; N],
    done: usize,
    areas: [[f64; 2]; N],
}

impl<'a, const N: usize> BoundaryIntegral<'a, N> {
    fn new(us: f64, by_us: &'a [f64; N]) -> Self {
        Self { us, by_us, done: 0, areas: [[0.0; 2]; N] }
    }

    fn up_to(&mut self, until_us: f64, light: &Light) {
        let rest = self.by_us.iter().zip(&mut self.areas).skip(self.done);
        for (by_us, area) in rest {
            let us = self.us + by_us;
            if us >= until_us {
                return;
            }
            *area = light.area_at(us);
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_US: [f64; 3] = [-5_000.0, 0.0, 5_000.0];

    fn changed(fired: &[(i64, bool)], early: TimeRange, late: TimeRange) -> Option<[[f64; 2]; 3]> {
        let fired: Vec<PixelEvent> =
            fired.iter().map(|(t_us, on)| PixelEvent { t_us: *t_us, on: *on }).collect();
        let (shifted, mut out) = (Shifted { early, late, by_us: &BY_US }, [[0.0; 2]; 3]);
        changes(&fired, &shifted, &mut out).then_some(out)
    }

    #[test]
    fn events_far_from_both_exposures_change_nothing() {
        let (early, late) = (TimeRange::new(0.0, 20_000.0), TimeRange::new(40_000.0, 60_000.0));
        assert_eq!(changed(&[], early, late), None);
        assert_eq!(changed(&[(-300_000, true), (500_000, false)], early, late), None);
    }

    #[test]
    fn a_step_between_two_exposures_changes_the_mean_by_all_of_it() {
        // Three fast ON events: three whole steps, and half a step after the last one.
        let fired = [(29_900, true), (30_000, true), (30_100, true)];
        let (early, late) = (TimeRange::new(0.0, 20_000.0), TimeRange::new(40_000.0, 60_000.0));
        let [before, at, after] = changed(&fired, early, late).unwrap();
        for [off, on] in [before, at, after] {
            assert!(off == 0.0 && (on - 3.5).abs() < 1e-9, "{off} {on}");
        }
    }

    #[test]
    fn means_are_those_of_a_sum_over_every_microsecond() {
        let fired = [
            (3_000, true),
            (9_000, true),
            (12_000, false),
            (12_000, false),
            (30_000, true),
            (31_500, false),
            (47_000, true),
        ];
        let fired = fired.map(|(t_us, on)| PixelEvent { t_us, on });
        let mut all = Vec::new();
        ramps(&fired, |ramp| all.push(ramp));
        assert!(all.windows(2).all(|w| w[0].until_us <= w[1].from_us + 1.0), "{all:?}");
        let level = |us: f64, side: usize| -> f64 {
            let climbed = |r: &Ramp| ((us - r.from_us) / (r.until_us - r.from_us)).clamp(0.0, 1.0);
            all.iter().map(|r| climbed(r) * r.steps[side]).sum()
        };
        let mean = |range: TimeRange, by: f64, side| {
            let n = range.duration_us() as usize;
            (0..n).map(|i| level(range.start_us + by + i as f64 + 0.5, side)).sum::<f64>()
                / n as f64
        };
        let (early, late) = (TimeRange::new(5_000.0, 15_000.0), TimeRange::new(26_000.0, 46_000.0));
        let out = changed(&fired.map(|f| (f.t_us, f.on)), early, late).unwrap();
        for (by_us, change) in BY_US.iter().zip(out) {
            for (side, change) in change.into_iter().enumerate() {
                let expected = mean(late, *by_us, side) - mean(early, *by_us, side);
                assert!((change - expected).abs() < 1e-3, "{by_us} {side}: {change} {expected}");
            }
        }
    }
}
