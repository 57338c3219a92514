//! Exposures from edges in the event stream, with pulses counted so that a lost one is found.

use crate::event::{Trigger, TriggerEdge};
use crate::time::{EventClock, Timestamp};
use std::collections::VecDeque;

/// One opening of the shutter as the event camera saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Counts the periods that have passed, lost pulses included.
    pub index: i64,
    /// The shutter opens.
    pub start: Timestamp<EventClock>,
    /// The shutter closes.
    pub end: Timestamp<EventClock>,
    /// Whether one of the edges was lost and its time taken from the usual duration.
    pub repaired: bool,
}

/// What the counter has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PulseStats {
    /// Whole pulses.
    pub whole: u64,
    /// Pulses of which one edge was lost.
    pub repaired: u64,
    /// Pulses that were lost altogether, by the time that passed.
    pub lost: u64,
    /// Pulses too short to be an exposure.
    pub glitches: u64,
}

/// Pulses kept for frames that are still on their way.
const KEPT: usize = 512;
/// Intervals that the period and the duration are told from.
const WINDOW: usize = 15;
/// Shortest exposure that is believed, in microseconds; shorter ones are reflections.
const SHORTEST_US: i64 = 10;

/// Pairs edges and counts pulses.
#[derive(Clone, Debug, Default)]
pub struct Pulses {
    rising: Option<Timestamp<EventClock>>,
    pulses: VecDeque<Pulse>,
    periods: VecDeque<i64>,
    durations: VecDeque<i64>,
    stats: PulseStats,
    seen_to: Option<Timestamp<EventClock>>,
}

impl Pulses {
    /// Takes the next edge.
    pub fn push(&mut self, edge: Trigger) {
        self.seen_to = Some(edge.t);
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
                    // A falling and a rising edge were lost, so these two are of different pulses.
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
                remember(&mut self.periods, interval_us / steps);
            }
        }
        if repaired {
            self.stats.repaired += 1;
        } else {
            self.stats.whole += 1;
            remember(&mut self.durations, end.since_us(start));
        }
        self.pulses.push_back(Pulse { index, start, end, repaired });
        if self.pulses.len() > KEPT {
            self.pulses.pop_front();
        }
    }

    /// The usual time from one opening to the next, once three were seen, in microseconds.
    pub fn period_us(&self) -> Option<i64> {
        (self.periods.len() >= 3).then(|| median(&self.periods)).flatten().filter(|p| *p > 0)
    }

    /// The pulse that opens nearest to `t`.
    pub fn nearest(&self, t: Timestamp<EventClock>) -> Option<&Pulse> {
        let after = self.pulses.partition_point(|p| p.start < t);
        let near = [after.checked_sub(1), Some(after)];
        let near = near.into_iter().flatten().filter_map(|i| self.pulses.get(i));
        near.min_by_key(|p| p.start.since_us(t).unsigned_abs())
    }

    /// When the last edge was seen.
    pub fn seen_to(&self) -> Option<Timestamp<EventClock>> {
        self.seen_to
    }

    /// What was found so far.
    pub fn stats(&self) -> PulseStats {
        self.stats
    }
}

fn remember(window: &mut VecDeque<i64>, value: i64) {
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
