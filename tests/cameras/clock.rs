//! Frame timing on simulated rigs: to 5 us with trigger edges, to 1 ms with arrival times.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::{DropUnit, Drops, EventPacket, FramePacket, FrameTiming};
use gem_live::event::{Trigger, TriggerEdge};
use gem_live::image::{ImageU8, Size};
use gem_live::rig::clock::{ClockSettings, FrameTimer, SyncState};
use gem_live::rig::sync::TimedFrame;
use gem_live::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const PERIOD_US: i64 = 33_333;
const EXPOSURE_US: i64 = 20_000;
const EVENT_OFFSET_US: f64 = 123_456_789.0;

/// The event clock runs 50 ppm fast relative to true time.
fn event_us(true_us: i64) -> f64 {
    EVENT_OFFSET_US + true_us as f64 * (1.0 + 50e-6)
}

/// The frame clock runs 10 ppm slow, with another origin.
fn frame_us(true_us: i64) -> f64 {
    9_876_543_210.0 + true_us as f64 * (1.0 - 10e-6)
}

struct Rig {
    edges: bool,
    /// One in this many edges is lost; 0 for none.
    lose_edge: u32,
    lose_frame: u32,
    /// Time from the closing of the shutter to the arrival of the frame without jitter.
    transfer_us: i64,
    seconds: i64,
}

impl Rig {
    /// Runs the rig. Returns every timed frame with its true start and end on the event clock.
    fn run(&self) -> (FrameTimer, Vec<(TimedFrame, f64, f64)>) {
        let mut rng = StdRng::seed_from_u64(7);
        let mut lost = |one_in: u32| one_in > 0 && rng.random_ratio(1, one_in);
        let mut jitter_rng = StdRng::seed_from_u64(8);
        // 2 ms of USB jitter: exponential, with an occasional stall of 30 ms.
        let mut jitter = || {
            let u: f64 = jitter_rng.random_range(1e-9..1.0);
            let stall = if jitter_rng.random_ratio(1, 200) { 30_000.0 } else { 0.0 };
            (-u.ln() * 2_000.0 + stall) as i64
        };
        let mut clocks = FrameTimer::new(
            ClockSettings { edges: self.edges, ..ClockSettings::default() },
            Drops::default(),
        );
        let mut out = Vec::new();
        let mut all_edges: Vec<Trigger> = Vec::new();
        for i in 0..self.seconds * 1_000_000 / PERIOD_US {
            let start = i * PERIOD_US;
            for (us, kind) in
                [(start, TriggerEdge::Rising), (start + EXPOSURE_US, TriggerEdge::Falling)]
            {
                if !lost(self.lose_edge) {
                    all_edges
                        .push(Trigger { t: Timestamp::from_us(event_us(us).floor() as i64), kind });
                }
            }
        }
        let (mut next_edge, mut frame) = (0, 0_i64);
        for ms in (0..self.seconds * 1000).step_by(4) {
            let (from, until) = (event_us(ms * 1000) as i64, event_us((ms + 4) * 1000) as i64);
            let mut edges = Vec::new();
            while let Some(edge) = all_edges.get(next_edge).filter(|e| e.t.us() < until) {
                edges.push(*edge);
                next_edge += 1;
            }
            let arrived = Timestamp::from_us((ms + 4) * 1000 + jitter());
            clocks.push_events(&EventPacket {
                epoch: 0,
                from: Timestamp::from_us(from),
                until: Timestamp::from_us(until),
                arrived,
                events: Vec::new().into(),
                edges,
                sensor: Size::new(8, 4),
                lost_since: None,
            });
            let end = frame * PERIOD_US + EXPOSURE_US;
            if end + self.transfer_us < ms * 1000 {
                if !lost(self.lose_frame) {
                    clocks.push_frame(FramePacket {
                        epoch: 0,
                        sequence: frame as u64,
                        timing: FrameTiming::Frames {
                            start: Timestamp::from_us(frame_us(frame * PERIOD_US).floor() as i64),
                            exposure_us: EXPOSURE_US,
                        },
                        arrived: Timestamp::from_us(end + self.transfer_us + jitter()),
                        picture: ImageU8::filled(false, Size::new(1, 1), 0),
                        truth: None,
                        contrast: None,
                    });
                }
                frame += 1;
            }
            while let Some(timed) = clocks.pop(Timestamp::from_us((ms + 4) * 1000)) {
                let start = timed.sequence as i64 * PERIOD_US;
                out.push((timed, event_us(start), event_us(start + EXPOSURE_US)));
            }
        }
        (clocks, out)
    }
}

/// Largest error of the start and the end of exposures after `warm` frames, in microseconds.
fn worst(out: &[(TimedFrame, f64, f64)], warm: usize) -> f64 {
    let errors = out[warm..].iter().map(|(timed, start, end)| {
        (timed.start.us() as f64 - start).abs().max((timed.end.us() as f64 - end).abs())
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn edge_timing_is_accurate_to_five_microseconds_for_ten_minutes() {
    let rig = Rig { edges: true, lose_edge: 0, lose_frame: 0, transfer_us: 0, seconds: 600 };
    let (clocks, out) = rig.run();
    assert!(out.len() > 17_990, "{}", out.len());
    let worst = worst(&out, 10);
    assert!(worst < 5.0, "{worst} us");
    let SyncState::Edges { residual_us, drift_ppm, pulses } = clocks.state() else {
        panic!("{:?}", clocks.state())
    };
    assert!(residual_us < 1.0 && (drift_ppm - 60.0).abs() < 0.5, "{residual_us} {drift_ppm}");
    assert_eq!((pulses.lost, pulses.repaired, clocks.relocks()), (0, 0, 0));
}

#[test]
fn frames_delayed_by_half_a_period_are_matched_to_their_pulse() {
    // As much of the period as 7 ms for a 2.7 MB image at 60 frames a second.
    let transfer_us = PERIOD_US / 2;
    let rig = Rig { edges: true, lose_edge: 0, lose_frame: 0, transfer_us, seconds: 60 };
    let (clocks, out) = rig.run();
    let worst = worst(&out, 10);
    assert!(worst < 5.0, "{worst} us");
    assert!(matches!(clocks.state(), SyncState::Edges { .. }), "{:?}", clocks.state());
}

#[test]
fn lost_edges_and_frames_do_not_change_the_pulse_assignment() {
    let rig = Rig { edges: true, lose_edge: 50, lose_frame: 70, transfer_us: 0, seconds: 600 };
    let (clocks, out) = rig.run();
    let worst = worst(&out, 20);
    assert!(worst < 5.0, "{worst} us");
    let SyncState::Edges { pulses, .. } = clocks.state() else { panic!("{:?}", clocks.state()) };
    assert!(pulses.repaired > 500 && pulses.lost > 0, "{pulses:?}");
    assert_eq!(clocks.relocks(), 0);
}

#[test]
fn arrival_timing_is_accurate_to_a_millisecond_for_ten_minutes() {
    let rig = Rig { edges: false, lose_edge: 0, lose_frame: 0, transfer_us: 0, seconds: 600 };
    let (clocks, out) = rig.run();
    // The first ten seconds are the learning phase.
    let worst = worst(&out, 300);
    assert!(worst < 1000.0, "{worst} us");
    let SyncState::Arrival { drift_ppm, .. } = clocks.state() else { panic!() };
    assert!((drift_ppm - 60.0).abs() < 1.0, "{drift_ppm}");
}

#[test]
fn frames_that_cannot_be_timed_are_counted() {
    let drops = Drops::default();
    let mut clocks = FrameTimer::new(ClockSettings::default(), drops.clone());
    for sequence in 0..100 {
        clocks.push_frame(FramePacket {
            epoch: 0,
            sequence,
            timing: FrameTiming::Arrival { exposure_us: 1000 },
            arrived: Timestamp::from_us(0),
            picture: ImageU8::filled(false, Size::new(1, 1), 0),
            truth: None,
            contrast: None,
        });
    }
    assert!(clocks.pop(Timestamp::from_us(1_000_000)).is_none());
    assert_eq!(drops.total(DropUnit::Frames), 100);
}

/// Sends a frame every 40 ms and an event packet every 4 ms, both with a delay of 3 ms. The clocks
/// jump after four seconds. Returns the errors of all frames in microseconds.
fn errors_across_a_jump(frames_us: i64, events_us: i64) -> Vec<i64> {
    let mut clocks = FrameTimer::new(ClockSettings::default(), Drops::default());
    let mut errors = Vec::new();
    let (exposure, period) = (20_000, 40_000);
    for ms in (0..12_000_i64).step_by(4) {
        let jump = |us: i64, by: i64| if us >= 4_000_000 { us + by } else { us };
        let at = |us: i64| Timestamp::from_us(jump(us, events_us) + 50_000_000);
        let (from, until) = (ms * 1_000, (ms + 4) * 1_000);
        let edge = |t: i64, kind| {
            let k = (from - t + period - 1).div_euclid(period).max(0);
            let us = k * period + t;
            (from..until).contains(&us).then(|| Trigger { t: at(us), kind })
        };
        let edges = [edge(0, TriggerEdge::Rising), edge(exposure, TriggerEdge::Falling)];
        clocks.push_events(&EventPacket {
            epoch: 0,
            from: at(from),
            until: at(until - 1).plus_us(1),
            arrived: Timestamp::from_us(until + 3_000),
            events: Vec::new().into(),
            edges: edges.into_iter().flatten().collect(),
            sensor: Size::new(8, 4),
            lost_since: None,
        });
        if from % period == exposure {
            let start = from - exposure;
            clocks.push_frame(FramePacket {
                epoch: 0,
                sequence: (start / period) as u64,
                timing: FrameTiming::Frames {
                    start: Timestamp::from_us(jump(start, frames_us) + 70_000_000),
                    exposure_us: exposure,
                },
                arrived: Timestamp::from_us(from + 3_000),
                picture: ImageU8::filled(false, Size::new(1, 1), 0),
                truth: None,
                contrast: None,
            });
        }
        while let Some(timed) = clocks.pop(Timestamp::from_us(until)) {
            errors.push(timed.start.since_us(at(timed.sequence as i64 * period)));
        }
    }
    errors
}

#[test]
fn a_clock_jump_within_an_epoch_is_detected() {
    for (frames_us, events_us) in
        [(5_000_000, 0), (-5_000_000, 0), (0, 5_000_000), (0, -5_000_000), (-9_000_000, 3_000_000)]
    {
        let errors = errors_across_a_jump(frames_us, events_us);
        assert!(errors.len() > 200, "{} frames", errors.len());
        let worst = errors.iter().rev().take(80).map(|e| e.abs()).max().unwrap();
        assert!(worst <= 5, "{worst} us after jumps of {frames_us} and {events_us} us");
    }
}
