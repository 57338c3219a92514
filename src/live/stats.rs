//! Statistics for the heads-up display and `--json`: rates, times, and drops per cause.

use crate::camera::{DropCause, DropSnapshot, DropUnit};
use crate::panics::Locked;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Rates are measured over this time.
const WINDOW: Duration = Duration::from_secs(2);
/// Events that are further apart than this have a rate of zero.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// Event rates that are kept for the plot.
const HISTORY: usize = 240;
/// Time points kept for a rate: two seconds at more than 2000 per second.
const MAX_TIME_POINTS: usize = 4096;
/// Times are recorded in microseconds with three significant digits, up to one minute.
const MAX_US: u64 = 60_000_000;

/// Exposures that never reached the screen, by the place where they were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// Missing in the source's sequence numbers: lost in the camera or on the bus.
    pub source: u64,
    /// Dropped because the engine was busy with an earlier exposure.
    pub engine: u64,
    /// Restored, but dropped because the window was busy.
    pub display: u64,
    /// Refused by the engine, or failed in it.
    pub failed: u64,
}

impl Drops {
    /// These drops without the frames that `lost` already counts per cause: what remains in
    /// [`Drops::source`] has no known cause.
    pub fn unexplained(&self, lost: &[DropSnapshot]) -> Self {
        // Duplicate frames, and losses behind the source, leave no gap in the sequence numbers.
        let no_gap = [DropCause::Duplicate, DropCause::Skipped, DropCause::Disk];
        let frames =
            lost.iter().filter(|d| d.unit == DropUnit::Frames && !no_gap.contains(&d.cause));
        let explained: u64 = frames.map(|d| d.count).sum();
        Self { source: self.source.saturating_sub(explained), ..*self }
    }

    /// The sum of all drops.
    pub fn total(&self) -> u64 {
        self.source + self.engine + self.display + self.failed
    }
}

/// A distribution of times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// Maximum.
    pub max_ms: f64,
}

/// All statistics at one time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Exposures that the source delivered.
    pub captured: u64,
    /// Exposures that were restored.
    pub restored: u64,
    /// Exposures that the window displayed.
    pub shown: u64,
    /// Exposures per second from the source.
    pub rate_in: f64,
    /// Exposures per second on the screen.
    pub rate_out: f64,
    /// Duration of one restoration.
    pub restore: Times,
    /// Latency from the closing of the shutter to the window.
    pub latency: Times,
    /// The part of the latency that this program adds: from the frame's arrival to the window.
    pub path: Times,
    /// Lost exposures, by place.
    pub drops: Drops,
    /// Events per second in the last exposure.
    pub event_rate: f64,
}

struct Inner {
    snapshot: Snapshot,
    arrivals: VecDeque<Instant>,
    shows: VecDeque<Instant>,
    restore: Option<Histogram<u64>>,
    latency: Option<Histogram<u64>>,
    path: Option<Histogram<u64>>,
    event_rates: VecDeque<f64>,
    last_number: Option<u64>,
}

/// The counters of all threads. Clones share the same counters.
#[derive(Clone)]
pub struct Stats(Arc<Mutex<Inner>>);

impl Default for Stats {
    fn default() -> Self {
        let histogram = || Histogram::new_with_max(MAX_US, 3).ok();
        Self(Arc::new(Mutex::new(Inner {
            snapshot: Snapshot::default(),
            arrivals: VecDeque::new(),
            shows: VecDeque::new(),
            restore: histogram(),
            latency: histogram(),
            path: histogram(),
            event_rates: VecDeque::new(),
            last_number: None,
        })))
    }
}

impl Stats {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.locked())
    }

    /// Counts an exposure that the source delivered. A gap in `number` counts as a drop of the
    /// source; `event_rate` is in events per second.
    pub fn captured(&self, number: u64, event_rate: f64) {
        self.with(|s| {
            s.snapshot.captured += 1;
            if let Some(last) = s.last_number {
                s.snapshot.drops.source += number.saturating_sub(last + 1);
            }
            s.last_number = Some(number);
            s.snapshot.event_rate = event_rate;
            push(&mut s.event_rates, event_rate, HISTORY);
            push_now(&mut s.arrivals);
        });
    }

    /// Counts a restored exposure and the duration of its restoration.
    pub fn restored(&self, time: Duration) {
        self.with(|s| {
            s.snapshot.restored += 1;
            record(&mut s.restore, time);
        });
    }

    /// Counts a displayed exposure. `closed` is when its shutter closed, `arrived` when its frame
    /// reached this computer.
    pub fn shown(&self, closed: Instant, arrived: Instant) {
        self.with(|s| {
            s.snapshot.shown += 1;
            push_now(&mut s.shows);
            record(&mut s.latency, closed.elapsed());
            record(&mut s.path, arrived.elapsed());
        });
    }

    /// Lets `count` add to the drop counters.
    pub fn dropped(&self, count: impl FnOnce(&mut Drops)) {
        self.with(|s| count(&mut s.snapshot.drops));
    }

    /// Clears the time histograms, for example after the image size changed.
    pub fn restart_times(&self) {
        self.with(|s| {
            let all = [&mut s.restore, &mut s.latency, &mut s.path];
            all.into_iter().flatten().for_each(Histogram::reset);
        });
    }

    /// Returns all statistics as of now.
    pub fn snapshot(&self) -> Snapshot {
        self.with(|s| {
            s.snapshot.rate_in = rate(&mut s.arrivals);
            s.snapshot.rate_out = rate(&mut s.shows);
            s.snapshot.restore = times(&s.restore);
            s.snapshot.latency = times(&s.latency);
            s.snapshot.path = times(&s.path);
            s.snapshot.clone()
        })
    }

    /// Events per second of the last exposures, oldest first.
    pub fn event_rates(&self) -> Vec<f64> {
        self.with(|s| s.event_rates.iter().copied().collect())
    }
}

fn push<T>(list: &mut VecDeque<T>, value: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(value);
}

/// Adds the current time, and removes times that are too old for a rate.
fn push_now(times: &mut VecDeque<Instant>) {
    remove_old(times);
    push(times, Instant::now(), MAX_TIME_POINTS);
}

fn record(histogram: &mut Option<Histogram<u64>>, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if let Some(h) = histogram {
        h.saturating_record(us.min(MAX_US));
    }
}

fn times(histogram: &Option<Histogram<u64>>) -> Times {
    let Some(h) = histogram.as_ref().filter(|h| !h.is_empty()) else { return Times::default() };
    let ms = |us: u64| us as f64 / 1e3;
    Times {
        p50_ms: ms(h.value_at_quantile(0.5)),
        p95_ms: ms(h.value_at_quantile(0.95)),
        max_ms: ms(h.max()),
    }
}

/// Events per second. A long silence results in zero, not the last known rate; rare events are
/// measured over a longer time.
fn rate(times: &mut VecDeque<Instant>) -> f64 {
    remove_old(times);
    match (times.front(), times.back()) {
        (Some(first), Some(last)) if last > first => {
            (times.len() - 1) as f64 / (*last - *first).max(last.elapsed()).as_secs_f64()
        }
        _ => 0.0,
    }
}

/// Removes the time points that are too old for a rate.
fn remove_old(times: &mut VecDeque<Instant>) {
    let old = |t: &Instant, window| t.elapsed() > window;
    while times.front().is_some_and(|t| old(t, WINDOW)) && times.len() > 2 {
        times.pop_front();
    }
    while times.front().is_some_and(|t| old(t, MAX_INTERVAL)) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests;
