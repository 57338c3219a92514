//! The light of one pixel from its events.
//!
//! At the moment of an event the light is known exactly: it has reached a threshold. Between
//! two events it is not, and where it stood still it stopped somewhere between two thresholds,
//! half a step beyond its last event on the average. To hold the light at its last event, as a
//! sum of events does, makes it late by half a threshold, which at slow edges is milliseconds.

/// A sampled event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fired {
    pub(super) t_us: i64,
    pub(super) sample: u32,
    pub(super) on: bool,
}

/// Longest time that the light of one step is taken to have been on its way, in microseconds.
pub(super) const LONGEST_US: i64 = 100_000;

/// An even change of the logarithm of light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ramp {
    pub(super) from_us: f64,
    pub(super) until_us: f64,
    /// By how many OFF and ON thresholds; negative where the other way.
    pub(super) steps: [f32; 2],
}

impl Ramp {
    /// The mean over a stretch of time of a line that climbs from 0 to 1 during the ramp.
    pub(super) fn mean(&self, (start_us, end_us): (f64, f64)) -> f64 {
        let length = (self.until_us - self.from_us).max(1.0);
        let area = |t: f64| {
            let within = (t - self.from_us).clamp(0.0, length);
            within * within / (2.0 * length) + (t - self.from_us - length).max(0.0)
        };
        (area(end_us) - area(start_us)) / (end_us - start_us)
    }
}

fn steps(on: bool, count: f32) -> [f32; 2] {
    if on { [0.0, count] } else { [count, 0.0] }
}

/// The ramps that the events of one pixel, in order of time, stand for.
pub(super) fn ramps(fired: &[Fired], mut each: impl FnMut(Ramp)) {
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
        // How long a step takes here: as long as the next one, or the one before.
        let pace = |other: Option<f64>| other.unwrap_or(longest).min(longest);
        let mut head = steps(event.on, 1.0);
        let mut head_us = pace(after);
        if let Some((previous, gap_us)) = i.checked_sub(1).and_then(|k| fired.get(k)).zip(before) {
            // Half a step beyond the event before was made then, towards its side.
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
        let tail_us = (pace(before) * 0.5).min(room);
        each(Ramp { from_us: t, until_us: t + tail_us, steps: steps(event.on, 0.5) });
    }
}
