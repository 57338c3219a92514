//! How long clock synchronization blocks the rig thread at the highest event rate of a sensor:
//! `cargo bench --no-default-features --bench clock`.
//!
//! The longest call matters, not the mean, because it delays a frame. 60 frames of 1152x768 per
//! second, 12 million events per second in packets of one millisecond, and no trigger edges, so
//! that frames are compared with events all the time.

#![allow(clippy::indexing_slicing, reason = "a bench may fail by panicking")]

use gem_live::camera::{Drops, EventPacket, FramePacket, FrameTiming};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::clock::{ClockSettings, FrameTimer};
use gem_live::time::Timestamp;
use std::hint::black_box;
use std::time::{Duration, Instant};

const IMAGE: Size = Size::new(1152, 768);
const SENSOR: Size = Size::new(288, 192);
const EVENTS_A_PACKET: usize = 12_000;
const PACKET_US: i64 = 1_000;
/// A frame arrives with every sixteenth packet: 62.5 per second.
const PERIOD: i64 = 16;
const PACKETS: i64 = 10_000;

/// A deterministic hash for pseudorandom values.
fn scrambled(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn packet(number: i64) -> EventPacket {
    let (from, until) = (number * PACKET_US, (number + 1) * PACKET_US);
    let event = |i: usize| {
        let bits = scrambled(number.unsigned_abs() * EVENTS_A_PACKET as u64 + i as u64);
        let (x, y) = (bits as u32 as usize % SENSOR.width, (bits >> 33) as usize % SENSOR.height);
        let t_us = from + (i as i64 * PACKET_US) / EVENTS_A_PACKET as i64;
        Event { t_us, x: x as u16, y: y as u16, polarity: bits & (1 << 32) != 0 }
    };
    EventPacket {
        epoch: 0,
        from: Timestamp::from_us(from),
        until: Timestamp::from_us(until),
        arrived: Timestamp::from_us(until + 500),
        events: (0..EVENTS_A_PACKET).map(event).collect(),
        edges: Vec::new(),
        sensor: SENSOR,
        lost_since: None,
    }
}

fn frame(number: i64) -> FramePacket {
    let start = number * PERIOD * PACKET_US;
    let mut picture = ImageU8::filled(true, IMAGE, 0);
    for (i, v) in picture.data_mut().iter_mut().enumerate() {
        *v = 60 + (scrambled((number as u64) << 32 | i as u64) % 120) as u8;
    }
    FramePacket {
        epoch: 0,
        sequence: number.unsigned_abs(),
        timing: FrameTiming::Frames { start: Timestamp::from_us(start), exposure_us: 10_000 },
        arrived: Timestamp::from_us(start + 17_000),
        picture,
        truth: None,
        contrast: None,
    }
}

fn main() {
    let mut clocks = FrameTimer::new(ClockSettings::default(), Drops::default());
    let names = ["events in", "frame in", "out, comparisons"];
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut timed = |which: usize, work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        times[which].push(begin.elapsed());
    };
    let frames: Vec<FramePacket> = (0..PACKETS / PERIOD).map(frame).take(8).collect();
    for number in 0..PACKETS {
        let packet = packet(number);
        timed(0, &mut || clocks.push_events(black_box(&packet)));
        if number % PERIOD == PERIOD - 1 {
            let n = number / PERIOD;
            let mut frame = frames[n as usize % frames.len()].clone();
            let start = n * PERIOD * PACKET_US;
            frame.sequence = n as u64;
            frame.timing =
                FrameTiming::Frames { start: Timestamp::from_us(start), exposure_us: 10_000 };
            frame.arrived = Timestamp::from_us(start + 17_000);
            let mut frame = Some(frame);
            timed(1, &mut || {
                if let Some(frame) = frame.take() {
                    clocks.push_frame(frame);
                }
            });
        }
        let now = packet.arrived;
        timed(2, &mut || while black_box(clocks.pop(now)).is_some() {});
    }
    for (name, durations) in names.iter().zip(&mut times) {
        durations.sort_unstable();
        let at = |share: usize| durations[(durations.len() - 1) * share / 1000];
        println!(
            "{name}: {} calls, {:.1?} in total; p50 {:.1?}, p99.9 {:.1?}, max {:.1?}",
            durations.len(),
            durations.iter().sum::<Duration>(),
            at(500),
            at(999),
            at(1000)
        );
    }
}
