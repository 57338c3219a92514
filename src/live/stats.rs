//! What the heads-up display and `--json` tell: rates, times, drops by cause.

use crate::camera::{DropCause, DropSnapshot, DropUnit};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far back rates look.
const WINDOW: Duration = Duration::from_secs(2);
/// The longest time between two occurrences that have a rate.
const SELDOM: Duration = Duration::from_secs(10);
/// Event rates kept for the plot.
const HISTORY: usize = 240;
/// Moments kept for a rate: two seconds of more than two thousand a second.
const MOMENTS: usize = 4096;
/// Times are recorded in microseconds, to three digits, up to a minute.
const LONGEST_US: u64 = 60_000_000;

/// Exposures that never got onto the screen, by where they were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// Missing in the source's own count: the camera or the bus.
    pub source: u64,
    /// The queue after the source was full.
    pub queue: u64,
    /// The engine was busy with an earlier one.
    pub engine: u64,
    /// Restored, but the window was busy.
    pub display: u64,
    /// The engine refused or failed.
    pub failed: u64,
}

impl Drops {
    /// The same without frames that the source misses and has counted by cause in `lost`: what
    /// remains in [`Drops::source`] is not explained there.
    pub fn unexplained(&self, lost: &[DropSnapshot]) -> Self {
        // A frame that came twice, and what was lost later, leaves no gap in the source's count.
        let no_gap = [DropCause::Duplicate, DropCause::Skipped, DropCause::Disk];
        let frames =
            lost.iter().filter(|d| d.unit == DropUnit::Frames && !no_gap.contains(&d.cause));
        let explained: u64 = frames.map(|d| d.count).sum();
        Self { source: self.source.saturating_sub(explained), ..*self }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.source + self.queue + self.engine + self.display + self.failed
    }
}

/// A distribution of times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Half are shorter.
    pub p50_ms: f64,
    /// 95 of 100 are shorter.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Exposures that the source gave.
    pub captured: u64,
    /// Exposures that were restored.
    pub restored: u64,
    /// Exposures that were taken by the window.
    pub shown: u64,
    /// Exposures a second from the source.
    pub rate_in: f64,
    /// Exposures a second onto the screen.
    pub rate_out: f64,
    /// Time of one restoration.
    pub restore: Times,
    /// From the shutter's closing to the window.
    pub latency: Times,
    /// The part of it that this program adds: from the frame's arrival to the window.
    pub path: Times,
    /// What was lost, and where.
    pub drops: Drops,
    /// Exposures waiting after the source.
    pub queued: usize,
    /// Events a second in the last exposure.
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

/// The counters of all threads. Clones share them.
#[derive(Clone)]
pub struct Stats(Arc<Mutex<Inner>>);

impl Default for Stats {
    fn default() -> Self {
        let histogram = || Histogram::new_with_max(LONGEST_US, 3).ok();
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
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The source gave exposure `number`.
    pub fn captured(&self, number: u64, event_rate: f64) {
        self.with(|s| {
            s.snapshot.captured += 1;
            if let Some(last) = s.last_number {
                s.snapshot.drops.source += number.saturating_sub(last + 1);
            }
            s.last_number = Some(number);
            s.snapshot.event_rate = event_rate;
            push(&mut s.event_rates, event_rate, HISTORY);
            moment(&mut s.arrivals);
        });
    }

    /// An exposure was restored.
    pub fn restored(&self, time: Duration) {
        self.with(|s| {
            s.snapshot.restored += 1;
            record(&mut s.restore, time);
        });
    }

    /// The window took an exposure whose shutter closed at `closed` and whose frame reached
    /// this computer at `arrived`.
    pub fn shown(&self, closed: Instant, arrived: Instant) {
        self.with(|s| {
            s.snapshot.shown += 1;
            moment(&mut s.shows);
            record(&mut s.latency, closed.elapsed());
            record(&mut s.path, arrived.elapsed());
        });
    }

    /// Exposures were lost.
    pub fn dropped(&self, count: impl FnOnce(&mut Drops)) {
        self.with(|s| count(&mut s.snapshot.drops));
    }

    /// Exposures are waiting after the source.
    pub fn queued(&self, count: usize) {
        self.with(|s| s.snapshot.queued = count);
    }

    /// Forgets the times, as after another size was chosen.
    pub fn restart_times(&self) {
        self.with(|s| {
            let all = [&mut s.restore, &mut s.latency, &mut s.path];
            all.into_iter().flatten().for_each(Histogram::reset);
        });
    }

    /// Everything now.
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

    /// Events a second of the last exposures, oldest first.
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

/// Remembers that something occurred now, and forgets what is too old for a rate.
fn moment(moments: &mut VecDeque<Instant>) {
    forget(moments);
    push(moments, Instant::now(), MOMENTS);
}

fn record(histogram: &mut Option<Histogram<u64>>, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if let Some(h) = histogram {
        h.saturating_record(us.min(LONGEST_US));
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

/// Occurrences a second. Nothing for long is a rate of zero, not the last one seen; what comes
/// seldom is measured over a longer time.
fn rate(moments: &mut VecDeque<Instant>) -> f64 {
    forget(moments);
    match (moments.front(), moments.back()) {
        (Some(first), Some(last)) if last > first => {
            (moments.len() - 1) as f64 / (*last - *first).max(last.elapsed()).as_secs_f64()
        }
        _ => 0.0,
    }
}

/// Forgets the moments that a rate no longer looks at.
fn forget(moments: &mut VecDeque<Instant>) {
    let old = |t: &Instant, window| t.elapsed() > window;
    while moments.front().is_some_and(|t| old(t, WINDOW)) && moments.len() > 2 {
        moments.pop_front();
    }
    while moments.front().is_some_and(|t| old(t, SELDOM)) {
        moments.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_numbers_are_losses_of_the_source() {
        let stats = Stats::default();
        [3, 4, 7, 8].into_iter().for_each(|n| stats.captured(n, 1e6));
        let now = stats.snapshot();
        assert_eq!((now.captured, now.drops.source, now.drops.total()), (4, 2, 2));
        assert_eq!(stats.event_rates().len(), 4);
    }

    #[test]
    fn frames_that_a_cause_explains_are_not_counted_twice() {
        let lost = |cause, unit, count| DropSnapshot { cause, unit, count };
        let all = [
            lost(DropCause::Usb, DropUnit::Frames, 2),
            lost(DropCause::Usb, DropUnit::Events, 1000),
            lost(DropCause::Duplicate, DropUnit::Frames, 100),
            lost(DropCause::Disk, DropUnit::Frames, 100),
        ];
        let drops = Drops { source: 5, queue: 1, ..Drops::default() };
        assert_eq!(drops.unexplained(&all), Drops { source: 3, ..drops });
        let fewer = Drops { source: 1, ..drops };
        assert_eq!(fewer.unexplained(&all), Drops { source: 0, ..drops });
        assert_eq!(drops.unexplained(&[]), drops);
    }

    #[test]
    fn times_are_a_distribution_and_can_be_forgotten() {
        let stats = Stats::default();
        assert_eq!(stats.snapshot().restore, Times::default());
        (1..=100).for_each(|ms| stats.restored(Duration::from_millis(ms)));
        let Times { p50_ms, p95_ms, max_ms } = stats.snapshot().restore;
        assert!((p50_ms - 50.0).abs() < 0.1 && (p95_ms - 95.0).abs() < 0.1, "{p50_ms} {p95_ms}");
        assert!((max_ms - 100.0).abs() < 0.1, "{max_ms}");
        stats.restored(Duration::from_secs(10_000));
        assert!((stats.snapshot().restore.max_ms - 60_000.0).abs() < 60.0, "the longest is capped");
        stats.restart_times();
        assert_eq!(stats.snapshot().restore, Times::default());
        assert_eq!(stats.snapshot().restored, 101);
    }

    #[test]
    fn nothing_grows_where_the_numbers_are_never_read() {
        let stats = Stats::default();
        let now = Instant::now();
        let old = now.checked_sub(Duration::from_secs(3)).unwrap();
        stats.with(|s| (s.arrivals, s.shows) = (vec![old; 50].into(), vec![old; 50].into()));
        let lengths = || stats.with(|s| (s.arrivals.len(), s.shows.len()));
        stats.captured(0, 1e6);
        stats.shown(now, now);
        assert_eq!(lengths(), (3, 3), "what no rate looks at is forgotten");
        for number in 1..3 * MOMENTS as u64 {
            stats.captured(number, 1e6);
            stats.shown(now, now);
        }
        assert!(lengths().0 <= MOMENTS && lengths().1 <= MOMENTS, "{:?}", lengths());
    }

    #[test]
    fn what_comes_seldom_has_a_rate_and_what_came_long_ago_has_none() {
        let ago = |s: f64| Instant::now().checked_sub(Duration::from_secs_f64(s)).unwrap();
        let mut seldom = VecDeque::from([ago(6.0), ago(3.5), ago(1.0)]);
        assert!((rate(&mut seldom) - 0.4).abs() < 0.01, "every two and a half seconds");
        let mut often: VecDeque<Instant> = (0..40).rev().map(|i| ago(f64::from(i) * 0.1)).collect();
        assert!((rate(&mut often) - 10.0).abs() < 0.3, "{}", rate(&mut often));
        assert!(often.len() < 25, "the old ones are forgotten");
        let mut over = VecDeque::from([ago(13.0), ago(11.0)]);
        assert_eq!(rate(&mut over), 0.0);
    }
}
