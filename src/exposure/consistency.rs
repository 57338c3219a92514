//! Whether events belong to the exposures that they were recorded with.
//!
//! A file can be valid and wrong nevertheless: events on another clock or in another unit than the
//! exposures, or on another grid than the sensor. Restored images then look plausible and are those
//! of a camera without events. [`check`] compares ranges and names the likely cause.

mod finding;
mod truth;

pub use finding::{Cause, Finding};
pub use truth::{check_truth, is_exposed};

use crate::event::Event;
use crate::image::Size;
use crate::time::{EventTimes, TimeUnit};

/// Share of the events below which they do not belong to the exposures. Events of a whole recording
/// beside a short exposure are far more.
const MIN_SHARE: f64 = 0.01;
/// Share of the events, and of the exposures' time, from which on a unit explains them.
const FITTING_SHARE: f64 = 0.25;
/// With fewer events than this, their places are not checked.
const MIN_EVENTS: usize = 500;
/// Events that reach no further than this share of both sides of the sensor are on another grid.
const PART: f64 = 0.6;
/// Sum of both axes' margins before the first event, as shares of the reached sides, up to which
/// events begin at the grid's first pixels.
const MARGINS: f64 = 0.25;
/// Share of both sides of a smaller sensor that the events must reach to show its size.
const REACHED: f64 = 0.95;
/// How many times as large the scale factor of that sensor must be. Less may be a thing that moves.
const LARGER: f64 = 1.2;
/// Events per second and pixel that are more than cameras deliver: the fastest has 1150 (1.06e9 from
/// 1280x720 pixels, data sheet of the IMX636). A part of a sensor may be faster.
const FASTEST_HZ: f64 = 1e4;
/// The same beside exposures that are rather milliseconds.
const FASTEST_SHORT_HZ: f64 = 2e3;
/// The longest exposure, and the longest time from the first one's start to the last one's end, that
/// are rather milliseconds. Cameras that expose for so short a time take fewer pictures.
const SHORT_US: [i64; 2] = [200, 1000];

/// Compares events with exposures (start and end in microseconds, in order of time) and a sensor.
pub fn check(events: &[Event], exposures_us: &[[i64; 2]], sensor: Size) -> Vec<Finding> {
    let (Some(first), Some(last)) = (exposures_us.first(), exposures_us.last()) else {
        return Vec::new();
    };
    let Some(extent) = Extent::of(events) else { return vec![Finding::NoEvents] };
    let whole = [first[0], last[1]];
    let during =
        |[start, end]: [i64; 2]| events.iter().filter(|e| (start..end).contains(&e.t_us)).count();
    let empty = exposures_us.iter().position(|exposure| during(*exposure) == 0);
    let within = during(whole);
    let mut findings = Vec::new();
    if empty.is_some() || (within as f64) < MIN_SHARE * events.len() as f64 {
        findings.push(Finding::Times {
            empty,
            events: (events.len(), within),
            events_us: extent.times_us,
            exposures_us: whole,
            cause: cause(events, extent.times_us, exposures_us, whole),
        });
    }
    if findings.is_empty() {
        findings.extend(too_many(within, extent.times_us, exposures_us, sensor));
    }
    findings.extend(extent.part_of(sensor, events.len()));
    findings
}

/// Whether exposures are so short and so close to each other that they are rather in milliseconds.
pub fn are_short(exposures_us: &[[i64; 2]]) -> bool {
    let (Some(first), Some(last)) = (exposures_us.first(), exposures_us.last()) else {
        return false;
    };
    let [short_us, close_us] = SHORT_US;
    let is_short = |[start, end]: &[i64; 2]| end.saturating_sub(*start) <= short_us;
    exposures_us.iter().all(is_short) && last[1].saturating_sub(first[0]) <= close_us
}

/// Compares the number of events within the exposures and between them with what cameras deliver. Whole
/// milliseconds that are read as microseconds agree with each other, or with exposures that have the
/// events of a long recording beside them; then only this shows the unit.
fn too_many(
    within: usize,
    events_us: [i64; 2],
    exposures_us: &[[i64; 2]],
    sensor: Size,
) -> Option<Finding> {
    let whole = [exposures_us.first()?[0], exposures_us.last()?[1]];
    let all = are_short(exposures_us);
    let most_hz = if all { FASTEST_SHORT_HZ } else { FASTEST_HZ };
    let most = most_hz * sensor.area() as f64 * length(whole) / 1e6;
    (within >= MIN_EVENTS && within as f64 > most).then_some(Finding::Rate {
        events: within,
        sensor,
        events_us,
        exposures_us: whole,
        all,
    })
}

/// Compares events with the size of the image: whether they fill, exactly, the sensor of a whole scale
/// factor that is larger than the stated one. A sensor that is less than twice too large is not found
/// otherwise; the events are then placed wrongly on the image.
pub fn check_scale(events: &[Event], image: Size, stated: f64) -> Option<Finding> {
    let Extent { least, most, .. } = Extent::of(events)?;
    let (columns, rows) = (f64::from(most.0) + 1.0, f64::from(most.1) + 1.0);
    let fitting = (image.width as f64 / columns).min(image.height as f64 / rows).floor();
    let sides = [(columns, image.width), (rows, image.height)];
    let reached = sides.iter().all(|(n, side)| n * fitting >= REACHED * *side as f64);
    let margins = f64::from(least.0) / columns + f64::from(least.1) / rows;
    let contradicts =
        events.len() >= MIN_EVENTS && fitting >= LARGER * stated && reached && margins <= MARGINS;
    contradicts.then_some(Finding::Grid { stated, fitting, image, reached: most })
}

/// Range of times and places.
struct Extent {
    times_us: [i64; 2],
    least: (u16, u16),
    most: (u16, u16),
}

impl Extent {
    fn of(events: &[Event]) -> Option<Self> {
        let first = events.first()?;
        let mut extent =
            Self { times_us: [first.t_us; 2], least: (first.x, first.y), most: (first.x, first.y) };
        for e in events {
            let [from, until] = &mut extent.times_us;
            (*from, *until) = ((*from).min(e.t_us), (*until).max(e.t_us));
            extent.least = (extent.least.0.min(e.x), extent.least.1.min(e.y));
            extent.most = (extent.most.0.max(e.x), extent.most.1.max(e.y));
        }
        Some(extent)
    }

    /// Events of a smaller grid begin near its first pixels and end far from the sensor's last ones.
    fn part_of(&self, sensor: Size, count: usize) -> Option<Finding> {
        let ends = [(self.most.0, sensor.width), (self.most.1, sensor.height)];
        let begins = [(self.least.0, self.most.0), (self.least.1, self.most.1)];
        let ends_early =
            ends.iter().all(|(most, side)| f64::from(*most) + 1.0 <= PART * *side as f64);
        // What moves on a small grid need not touch its edges.
        let margins: f64 =
            begins.iter().map(|(least, most)| f64::from(*least) / (f64::from(*most) + 1.0)).sum();
        let part = count >= MIN_EVENTS && ends_early && margins <= MARGINS;
        part.then_some(Finding::Part { reached: self.most, sensor })
    }
}

fn cause(
    events: &[Event],
    events_us: [i64; 2],
    exposures_us: &[[i64; 2]],
    whole: [i64; 2],
) -> Cause {
    if fits(TimeUnit::Microseconds, events, events_us, exposures_us, whole) {
        return Cause::Still;
    }
    // Before the unit of the events: nanoseconds beside microseconds have the same ratio.
    let longer = |unit: &TimeUnit| {
        let scaled = |t: i64| t.saturating_mul(unit.microseconds() as i64);
        let exposures: Vec<[i64; 2]> = exposures_us.iter().map(|e| e.map(scaled)).collect();
        let us = TimeUnit::Microseconds;
        are_short(exposures_us) && fits(us, events, events_us, &exposures, whole.map(scaled))
    };
    let found = [TimeUnit::Milliseconds, TimeUnit::Seconds].into_iter().find(longer);
    if let Some(unit) = found {
        return Cause::Exposures(unit);
    }
    let others = [TimeUnit::Nanoseconds, TimeUnit::Milliseconds, TimeUnit::Seconds];
    if let Some(unit) =
        others.into_iter().find(|unit| fits(*unit, events, events_us, exposures_us, whole))
    {
        return Cause::Unit(unit);
    }
    if whole[0] <= events_us[0] && events_us[1] < whole[1] {
        return Cause::Still;
    }
    // The same length of time, elsewhere.
    let length = length(whole);
    let units = [TimeUnit::Microseconds, TimeUnit::Nanoseconds, TimeUnit::Milliseconds];
    let similar = |unit: &TimeUnit| {
        let share = self::length(events_us) * unit.microseconds() / length;
        (FITTING_SHARE..=1.0 / FITTING_SHARE).contains(&share)
    };
    let Some(unit) = units.into_iter().find(similar) else { return Cause::Unknown };
    let first_us = EventTimes { unit, offset_us: 0 }.to_us(events_us[0] as f64);
    // Events that are counted from zero begin with the first exposure.
    let zero = (0.0..length).contains(&(first_us as f64));
    let from_us = if zero { 0 } else { first_us };
    let offset_us = whole[0].saturating_sub(from_us);
    match (EventTimes { unit, offset_us }).is_default() {
        true => Cause::Still,
        false => Cause::Clock { unit, offset_us },
    }
}

fn length([from, until]: [i64; 2]) -> f64 {
    (until as f64 - from as f64).max(1.0)
}

/// Whether events in this unit reach into every exposure, mostly lie within them, and cover a part
/// of their time.
fn fits(
    unit: TimeUnit,
    events: &[Event],
    events_us: [i64; 2],
    exposures_us: &[[i64; 2]],
    whole: [i64; 2],
) -> bool {
    let us = unit.microseconds();
    // Times were rounded down to whole units when they were read.
    let rounding = if us > 1.0 { us } else { 0.0 };
    let [from, until] = [events_us[0] as f64 * us, events_us[1] as f64 * us + us];
    let reached = |[start, end]: &[i64; 2]| from < *end as f64 && until > *start as f64;
    let within = |e: &&Event| {
        let t = e.t_us as f64 * us;
        t + rounding >= whole[0] as f64 && t < whole[1] as f64
    };
    exposures_us.iter().all(reached)
        && until - from >= FITTING_SHARE * length(whole)
        && events.iter().filter(within).count() as f64 >= FITTING_SHARE * events.len() as f64
}

/// Compares the exposures of a live source with their events, one after the other. There is one
/// finding, after [`LiveCheck::EXPOSURES`] of them.
#[derive(Clone, Debug, Default)]
pub struct LiveCheck {
    exposures: usize,
    without_events: usize,
    events: usize,
    extent: Option<((u16, u16), (u16, u16))>,
    sensor: Option<Size>,
}

impl LiveCheck {
    /// Number of exposures that are checked together.
    pub const EXPOSURES: usize = 24;

    /// Adds the events of an exposure. Does nothing once enough exposures were seen.
    pub fn observe(&mut self, events: &[Event], sensor: Size) {
        if self.is_full() || self.sensor.is_some_and(|known| known != sensor) {
            return;
        }
        self.sensor = Some(sensor);
        self.exposures += 1;
        self.without_events += usize::from(events.is_empty());
        self.events += events.len();
        if let Some(Extent { least, most, .. }) = Extent::of(events) {
            let (a, b) = self.extent.get_or_insert((least, most));
            (*a, *b) = ((a.0.min(least.0), a.1.min(least.1)), (b.0.max(most.0), b.1.max(most.1)));
        }
    }

    fn is_full(&self) -> bool {
        self.exposures >= Self::EXPOSURES
    }

    /// What contradicts, as one line for the user; nothing before enough exposures were seen,
    /// unless the source has `ended`.
    pub fn finding(&self, ended: bool) -> Option<String> {
        let n = self.exposures;
        if !(self.is_full() || ended && n > 1) {
            return None;
        }
        if self.events == 0 {
            return Some(format!(
                "none of {n} exposures has an event: events on another clock, or none arrive"
            ));
        }
        let ((least, most), sensor) = (self.extent?, self.sensor?);
        let extent = Extent { times_us: [0; 2], least, most };
        extent.part_of(sensor, self.events).map(|finding| finding.to_string())
    }
}

#[cfg(test)]
mod tests;
