//! Clock offset and drift without a sync cable, estimated from packet arrival times.
//!
//! A packet is never early: its delay is a constant plus jitter, which is never negative. The lower
//! envelope of all delays is therefore the clock map, however large the jitter is.

use crate::time::{Clock, ClockMap, HostClock, Timestamp};
use std::collections::VecDeque;

/// Only the fastest packet of each interval of this length is kept, in microseconds.
const BUCKET_US: i64 = 500_000;
/// Number of intervals that are kept: ten minutes.
const BUCKETS: usize = 1200;
/// Shortest time span over which drift can be distinguished from jitter, in microseconds. For
/// shorter spans the drift is assumed to be zero.
const DRIFT_AFTER_US: f64 = 20e6;
/// A transfer is never delayed by more than this for as long as [`LASTING_US`], in microseconds. A
/// larger delay means that the clock has jumped.
const JUMP_US: f64 = 1e6;
/// How long packets must arrive late before this counts as a jump, in microseconds of the host
/// clock. After a stall, packets also arrive late, but all at once.
const LASTING_US: i64 = 1_500_000;
/// Quartz clocks drift less than this, in parts per million. A steeper line is caused by jitter.
const MAX_DRIFT_PPM: f64 = 500.0;

/// Estimates the map from a device clock to the host clock.
#[derive(Clone, Debug)]
pub struct Envelope<A: Clock> {
    buckets: VecDeque<(Timestamp<A>, Timestamp<HostClock>)>,
    bucket: Option<i64>,
    /// The smallest delay that is kept, in microseconds.
    least_us: f64,
    /// Since when all packets have arrived too late.
    late_since: Option<Timestamp<HostClock>>,
    /// The line below the packets that are kept.
    map: Option<ClockMap<A, HostClock>>,
}

impl<A: Clock> Default for Envelope<A> {
    fn default() -> Self {
        let (buckets, least_us) = (VecDeque::new(), f64::INFINITY);
        Self { buckets, bucket: None, least_us, late_since: None, map: None }
    }
}

impl<A: Clock> Envelope<A> {
    /// Adds a packet: the timestamp of its end and its arrival time. Returns whether the device
    /// clock has jumped without a new epoch; all earlier packets are then discarded.
    pub fn add(&mut self, device: Timestamp<A>, arrived: Timestamp<HostClock>) -> bool {
        let jumped = self.jumped(delay_us(device, arrived), arrived);
        if jumped {
            self.clear();
        }
        self.least_us = self.least_us.min(delay_us(device, arrived));
        if self.keep(device, arrived) {
            self.map = self.fit();
        }
        jumped
    }

    fn jumped(&mut self, delay_us: f64, arrived: Timestamp<HostClock>) -> bool {
        if self.buckets.is_empty() || (delay_us - self.least_us).abs() <= JUMP_US {
            self.late_since = None;
            return false;
        }
        // A packet cannot arrive before it was sent, so this is a jump at once. It may be late for
        // a while.
        let since = *self.late_since.get_or_insert(arrived);
        delay_us < self.least_us || arrived.since_us(since) > LASTING_US
    }

    /// Keeps a packet if it is the fastest of its interval. Returns whether it was kept.
    fn keep(&mut self, device: Timestamp<A>, arrived: Timestamp<HostClock>) -> bool {
        let bucket = device.us().div_euclid(BUCKET_US);
        match (self.bucket, self.buckets.back_mut()) {
            (Some(last), Some(best)) if last == bucket => {
                let faster = delay_us(device, arrived) < delay_us(best.0, best.1);
                if faster {
                    *best = (device, arrived);
                }
                faster
            }
            // Out of order: its interval is closed, and the packet was slow anyway.
            (Some(last), _) if bucket < last => false,
            _ => {
                self.bucket = Some(bucket);
                self.buckets.push_back((device, arrived));
                if self.buckets.len() > BUCKETS {
                    self.buckets.pop_front();
                }
                true
            }
        }
    }

    /// Discards all packets, for example after a reset of the device clock.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The map to the host clock, for which the fastest packets have no delay.
    pub fn map(&self) -> Option<ClockMap<A, HostClock>> {
        self.map
    }

    /// Called only when a packet is kept, which is rare.
    fn fit(&self) -> Option<ClockMap<A, HostClock>> {
        let (first, last) = (self.buckets.front()?, self.buckets.back()?);
        let origin = first.0;
        let points: Vec<(f64, f64)> = self
            .buckets
            .iter()
            .map(|(t, h)| (t.since_us(origin) as f64, delay_us(*t, *h)))
            .collect();
        let span_us = last.0.since_us(origin) as f64;
        let flat = || points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let (slope, base) = if span_us < DRIFT_AFTER_US {
            (0.0, flat())
        } else {
            match support(&lower_hull(&points), span_us / 2.0) {
                Some((slope, base)) if slope.abs() * 1e6 <= MAX_DRIFT_PPM => (slope, base),
                _ => (0.0, flat()),
            }
        };
        let from_us = origin.us() as f64;
        ClockMap::new(from_us, from_us + base, slope * 1e6)
    }
}

impl<A: Clock> Envelope<A> {
    /// Root mean square distance of the fastest packets of all intervals from the line, in
    /// microseconds: how precisely the jitter allows the line to be determined.
    pub fn residual_us(&self, map: &ClockMap<A, HostClock>) -> f64 {
        let squares = self.buckets.iter().map(|(t, h)| {
            let late = h.us() as f64 - map.map_us(t.us() as f64);
            late * late
        });
        let n = self.buckets.len().max(1) as f64;
        (squares.sum::<f64>() / n).sqrt()
    }
}

fn delay_us<A>(device: Timestamp<A>, arrived: Timestamp<HostClock>) -> f64 {
    arrived.us() as f64 - device.us() as f64
}

/// The lower convex hull of points that are sorted by x.
fn lower_hull(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for p in points {
        while let [.., a, b] = hull.as_slice() {
            let turn = (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0);
            if turn > 0.0 {
                break;
            }
            hull.pop();
        }
        hull.push(*p);
    }
    hull
}

/// Slope and intercept of the hull's edge at `middle`. Of all lines below the points, this one has
/// the smallest sum of distances.
fn support(hull: &[(f64, f64)], middle: f64) -> Option<(f64, f64)> {
    let edge = hull.windows(2).find(|w| matches!(w, [_, b] if b.0 >= middle))?;
    let [a, b] = edge else { return None };
    let slope = (b.1 - a.1) / (b.0 - a.0);
    Some((slope, a.1 - slope * a.0))
}
