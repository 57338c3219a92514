//! EVT 3.0, the format of Prophesee's sensors. Words are decoded by the crate; this file begins where
//! the state of a stream is known, counts what lies beyond the sensor, and reads the counters of the
//! sensor's rate limiter.

use super::decoded::{Decoded, add_edges, add_event, microseconds, words};
use crate::image::Size;
use neuromorphic_drivers::adapters::evt3::{Adapter, State};
use neuromorphic_drivers::types::Polarity;
use std::time::Duration;

/// Coordinates have eleven bits. With this size the crate passes on all of them, and those beyond
/// the sensor can be counted.
const ALL: u16 = 1 << 11;
/// A row that no sensor has: events are not passed on before the first row was read.
const NO_ROW: u16 = u16::MAX;
/// Timestamps have 24 bits, which is 16.8 s. After a gap of half of that it is unknown how often
/// they wrapped; gaps are measured at the computer, with queues in between.
const LONGEST_GAP: Duration = Duration::from_secs(2);

// Types of words, from Prophesee's documentation of the format.
const TIME_LOW: u16 = 0x6;
const CONTINUED_4: u16 = 0x7;
const TIME_HIGH: u16 = 0x8;
const OTHERS: u16 = 0xe;
const CONTINUED_12: u16 = 0xf;
/// Types of [`OTHERS`]: how many events reached the rate limiter, and how many left it.
const ENTERED: u16 = 0x014;
const LEFT: u16 = 0x016;
/// These counts have 22 bits.
const COUNT: u32 = (1 << 22) - 1;

/// Which word comes before events have a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    HighTime,
    LowTime,
    Nothing,
}

/// Decoder of a stream.
pub(super) struct Evt3 {
    adapter: Adapter,
    sensor: Size,
    awaited: Awaited,
    counters: Counters,
}

impl Evt3 {
    pub(super) fn new(sensor: Size) -> Self {
        let start = State {
            t: 0,
            overflows: 0,
            previous_msb_t: None,
            previous_lsb_t: 0,
            x: 0,
            y: NO_ROW,
            polarity: Polarity::Off,
        };
        Self {
            adapter: Adapter::from_dimensions_and_state(ALL, ALL, start),
            sensor,
            awaited: Awaited::HighTime,
            counters: Counters::default(),
        }
    }

    /// Continues after a gap of this duration. Returns whether times before and after it cannot be
    /// compared.
    pub(super) fn resume(&mut self, gap: Duration) -> bool {
        if gap > LONGEST_GAP {
            *self = Self::new(self.sensor);
            return true;
        }
        let state = State { y: NO_ROW, ..*self.adapter.state() };
        self.adapter = Adapter::from_dimensions_and_state(ALL, ALL, state);
        self.awaited = Awaited::HighTime;
        self.counters = Counters::default();
        false
    }

    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Decoded) {
        let bytes = self.synchronised(bytes, out);
        let (sensor, events, bad, edges) =
            (self.sensor, &mut out.events, &mut out.bad, &mut out.edges);
        let on_event = |event| add_event(event, sensor, events, bad);
        self.adapter.convert(bytes, on_event, |trigger| add_edges(trigger, edges));
        for word in words(bytes) {
            out.limited += self.counters.dropped(word);
        }
        if self.awaited == Awaited::Nothing {
            out.last_us = Some(microseconds(self.adapter.current_t()));
        }
    }

    /// The part of a buffer in which the time is known.
    fn synchronised<'a>(&mut self, bytes: &'a [u8], out: &mut Decoded) -> &'a [u8] {
        let mut rest = bytes;
        while self.awaited != Awaited::Nothing {
            let Some((word, after)) = rest.split_at_checked(2) else { return &[] };
            rest = after;
            let kind = words(word).next().map(|w| w >> 12);
            self.awaited = match (self.awaited, kind) {
                (_, Some(TIME_HIGH)) => Awaited::LowTime,
                (Awaited::LowTime, Some(TIME_LOW)) => Awaited::Nothing,
                _ => continue,
            };
            self.adapter.convert(word, |_| {}, |_| {});
            if self.awaited == Awaited::Nothing {
                out.resumed_us = Some(microseconds(self.adapter.current_t()));
            }
        }
        rest
    }
}

/// Reads the counters before and after the rate limiter. A count is spread over three words that
/// follow its type.
#[derive(Default)]
struct Counters {
    kind: u16,
    value: u32,
    bits: u32,
    entered: Option<u32>,
}

impl Counters {
    /// Number of dropped events that a word completes.
    fn dropped(&mut self, word: u16) -> u64 {
        let data = u32::from(word & 0xfff);
        match word >> 12 {
            OTHERS => (self.kind, self.value, self.bits) = (word & 0xfff, 0, 0),
            CONTINUED_12 if self.bits < 24 => {
                self.value |= data << self.bits;
                self.bits += 12;
            }
            CONTINUED_4 if self.bits == 24 => {
                self.bits = 32;
                let count = self.value & COUNT;
                match self.kind {
                    ENTERED => self.entered = Some(count),
                    LEFT => {
                        let entered = self.entered.take();
                        return entered.map_or(0, |n| u64::from(n.saturating_sub(count)));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        0
    }
}
