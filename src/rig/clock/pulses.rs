//! Exposures from trigger edges in the event stream. Pulses are counted so that lost ones are
//! detected.

use crate::event::{Trigger, TriggerEdge};
use crate::time::{EventClock, Timestamp};
use std::collections::VecDeque;

/// One exposure pulse, as recorded by the event camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Number of periods since the first pulse, including lost pulses.
    pub index: i64,
    /// When the shutter opens.
    pub start: Timestamp<EventClock>,
    /// When the shutter closes.
    pub end: Timestamp<EventClock>,
    /// Whether one of the edges was lost, and its time was computed from the usual duration.
    pub repaired: bool,
}

/// Counters of the pulses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PulseStats {
    /// Pulses with both edges.
    pub whole: u64,
    /// Pulses with one edge lost.
    pub repaired: u64,
    /// Pulses with both edges lost, derived from the time that passed.
    pub lost: u64,
    /// Pulses that are too short to be an exposure, or out of order.
    pub glitches: u64,
}

/// Number of pulses kept for frames that have not arrived yet.
const KEPT: usize = 512;
/// Number of intervals for the estimates of period and duration.
const WINDOW: usize = 15;
/// Shortest plausible exposure, in microseconds; shorter pulses are signal reflections.
const SHORTEST_US: i64 = 10;

/// Pairs edges to pulses and counts them.
#[derive(Clone, Debug, Default)]
pub struct Pulses {
    rising: Option<Timestamp<EventClock>>,
    pulses: VecDeque<Pulse>,
    periods: VecDeque<i64>,
    durations: VecDeque<i64>,
    stats: PulseStats,
    last_edge: Option<Timestamp<EventClock>>,
}

impl Pulses {
    /// Adds the next edge.
    pub fn push(&mut self, edge: Trigger) {
        self.last_edge = Some(edge.t);
        match (edge.kind, self.rising) {
            (TriggerEdge::Rising, None) => self.rising = Some(edge.t),
            (TriggerEdge::Rising, Some(start)) => {
                // The falling edge between the two was lost.
                self.rising = Some(edge.t);
                if let Some(duration_us) = median(&self.durations)
                    && edge.t.since_us(start) > duration_us
                {
                    self.add(start, start.plus_us(duration_us), true);
                }
            }
            (TriggerEdge::Falling, Some(start)) => {
                self.rising = None;
                let (duration_us, usual_us) = (edge.t.since_us(start), median(&self.durations));
                if duration_us < SHORTEST_US {
                    self.stats.glitches += 1;
                } else if let (Some(usual_us), Some(period_us)) = (usual_us, self.period_us())
                    && duration_us > period_us
                {
                    // A falling and a rising edge were lost, so these two edges belong to different
                    // pulses.
                    self.add(start, start.plus_us(usual_us), true);
                    self.add(edge.t.plus_us(-usual_us), edge.t, true);
                } else {
                    self.add(start, edge.t, false);
                }
            }
            (TriggerEdge::Falling, None) => {
                if let Some(duration_us) = median(&self.durations) {
                    self.add(edge.t.plus_us(-duration_us), edge.t, true);
                }
            }
        }
    }

    fn add(&mut self, start: Timestamp<EventClock>, end: Timestamp<EventClock>, repaired: bool) {
        let last = self.pulses.back().copied();
        let mut index = 0;
        if let Some(last) = last {
            let interval_us = start.since_us(last.start);
            if interval_us <= 0 {
                self.stats.glitches += 1;
                return;
            }
            let steps = match self.period_us() {
                Some(period_us) => ((interval_us + period_us / 2) / period_us).max(1),
                None => 1,
            };
            self.stats.lost += (steps - 1).unsigned_abs();
            index = last.index + steps;
            if !repaired && !last.repaired {
                push_bounded(&mut self.periods, interval_us / steps);
            }
        }
        if repaired {
            self.stats.repaired += 1;
        } else {
            self.stats.whole += 1;
            push_bounded(&mut self.durations, end.since_us(start));
        }
        self.pulses.push_back(Pulse { index, start, end, repaired });
        if self.pulses.len() > KEPT {
            self.pulses.pop_front();
        }
    }

    /// Median time between shutter openings, in microseconds; `None` before three were measured.
    pub fn period_us(&self) -> Option<i64> {
        (self.periods.len() >= 3).then(|| median(&self.periods)).flatten().filter(|p| *p > 0)
    }

    /// The pulse whose start is nearest to `t`.
    pub fn nearest(&self, t: Timestamp<EventClock>) -> Option<&Pulse> {
        let after = self.pulses.partition_point(|p| p.start < t);
        let near = [after.checked_sub(1), Some(after)];
        let near = near.into_iter().flatten().filter_map(|i| self.pulses.get(i));
        near.min_by_key(|p| p.start.since_us(t).unsigned_abs())
    }

    /// Time of the last edge.
    pub fn last_edge(&self) -> Option<Timestamp<EventClock>> {
        self.last_edge
    }

    /// The current counters.
    pub fn stats(&self) -> PulseStats {
        self.stats
    }
}

fn push_bounded(window: &mut VecDeque<i64>, value: i64) {
    window.push_back(value);
    if window.len() > WINDOW {
        window.pop_front();
    }
}

fn median(window: &VecDeque<i64>) -> Option<i64> {
    let mut sorted = [0; WINDOW];
    let count = window.len().min(WINDOW);
    sorted.iter_mut().zip(window).for_each(|(to, value)| *to = *value);
    let sorted = sorted.get_mut(..count)?;
    sorted.sort_unstable();
    sorted.get(count / 2).copied()
}
