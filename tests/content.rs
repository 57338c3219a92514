//! Two cameras without a cable, before a scene that both see: arrival times and image content
//! tell the exposures to a millisecond.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::{Drops, EventPacket, FramePacket, FrameSpan};
use gem_live::event::Event;
use gem_live::frame::Size;
use gem_live::rig::clock::{ClockSettings, Clocks, SyncState};
use gem_live::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use gem_live::time::Timestamp;

/// From the shutter's closing to the frame's arrival: readout and transfer, which nobody told.
const READOUT_US: i64 = 11_000;
/// Stretches that events come in.
const PACKET_US: i64 = 4_000;
/// Mean delay of a transfer over USB.
const JITTER_US: f64 = 2_000.0;

/// How far timed frames lie from the truth, and how synchronised the rig was at the end.
struct Outcome {
    /// Start of the exposure against the truth, in microseconds, frame by frame.
    errors_us: Vec<f64>,
    state: SyncState,
}

/// What the world shows again and again: rendering all of ten minutes would take long.
fn world(model: RigModel, periods: usize) -> Vec<Period> {
    let mut world = RigWorld::new(model).unwrap();
    (0..periods).map(|_| world.period().unwrap()).collect()
}

/// Plays a simulated rig on simulated time, as fast as it can be computed.
fn play(model: RigModel, world: &[Period], frames: usize, content: bool) -> Outcome {
    let settings = ClockSettings { content, ..ClockSettings::default() };
    let mut clocks = Clocks::new(settings, Drops::default());
    let (mut of_frames, mut of_events) = (Jitter::new(3, JITTER_US), Jitter::new(4, JITTER_US));
    let mut errors_us = Vec::new();
    let (mut last_event, mut last_frame) = (0_i64, 0_i64);
    let loop_us = model.period_us * world.len() as i64;
    let moved = |n: usize| {
        let period = &world[n % world.len()];
        let by_us = n as i64 * model.period_us - period.start_us;
        assert_eq!(by_us % loop_us, 0);
        let later = |e: &Event| Event { t_us: e.t_us + by_us, ..*e };
        Period {
            number: n as u64,
            start_us: period.start_us + by_us,
            end_us: period.end_us + by_us,
            next_us: period.next_us + by_us,
            events: period.events.iter().map(later).collect(),
            ..period.clone()
        }
    };
    for period in (0..frames).map(moved) {
        // What leaves the cameras, by when it arrives; on one cable nothing overtakes.
        let mut sent: Vec<(i64, Result<EventPacket, FramePacket>)> = Vec::new();
        let mut from_us = period.start_us;
        while from_us < period.next_us {
            let until_us = (from_us + PACKET_US).min(period.next_us);
            last_event = last_event.max(until_us + of_events.delay_us() as i64);
            let (from, until) = (model.event_us(from_us), model.event_us(until_us));
            let inside = period.events.iter().filter(|e| (from_us..until_us).contains(&e.t_us));
            let told = |e: &Event| {
                let t_us = model.event_us(e.t_us).clamp(from, until - 1);
                Event { t_us, ..*e }
            };
            let packet = EventPacket {
                epoch: 0,
                from: Timestamp::from_us(from),
                until: Timestamp::from_us(until),
                arrived: Timestamp::from_us(last_event),
                events: inside.map(told).collect(),
                edges: Vec::new(),
                sensor: model.sensor,
                lost_since: None,
            };
            sent.push((last_event, Ok(packet)));
            from_us = until_us;
        }
        last_frame = last_frame.max(period.end_us + READOUT_US + of_frames.delay_us() as i64);
        let frame = FramePacket {
            epoch: 0,
            sequence: period.number,
            span: FrameSpan::Frames {
                start: Timestamp::from_us(model.frame_us(period.start_us)),
                exposure_us: period.end_us - period.start_us,
            },
            arrived: Timestamp::from_us(last_frame),
            picture: period.frame,
            truth: None,
        };
        sent.push((last_frame, Err(frame)));
        sent.sort_by_key(|(us, _)| *us);
        for (now_us, packet) in sent {
            match packet {
                Ok(events) => clocks.push_events(&events),
                Err(frame) => clocks.push_frame(frame),
            }
            while let Some(timed) = clocks.pop(Timestamp::from_us(now_us)) {
                let start_us = timed.sequence as i64 * model.period_us;
                errors_us.push((timed.start.us() - model.event_us(start_us)) as f64);
            }
        }
    }
    Outcome { errors_us, state: clocks.state() }
}

/// Small frames, and edges that are still several pixels long.
fn model(seed: u64) -> RigModel {
    RigModel::new(Size::new(144, 96), seed)
}

fn worst(errors_us: &[f64]) -> f64 {
    errors_us.iter().map(|e| e.abs()).fold(0.0, f64::max)
}

#[test]
fn without_a_cable_ten_minutes_stay_below_a_millisecond() {
    let model = model(1);
    let frames = (600_000_000 / model.period_us) as usize;
    let world = world(model, 240);
    let outcome = play(model, &world, frames, true);
    // The first half minute is for learning.
    let (learning, rest) = outcome.errors_us.split_at(450);
    assert!(rest.len() > frames - 460, "{}", rest.len());
    println!("learning: {:.0} us at worst; {:?}", worst(learning), outcome.state);
    for minute in rest.chunks(900) {
        println!("  {:.0} us at worst", worst(minute));
    }
    let SyncState::Content { residual_us, offset_us, drift_ppm } = outcome.state else {
        panic!("{:?}", outcome.state)
    };
    assert!(worst(rest) < 1_000.0, "{:.0} us", worst(rest));
    assert!((drift_ppm - 60.0).abs() < 1.0, "{drift_ppm}");
    assert!((offset_us + READOUT_US as f64).abs() < 1_500.0, "{offset_us}");
    assert!(residual_us < 2_000.0, "{residual_us}");

    // Arrival times alone are off by the readout, and say that they are alone.
    let outcome = play(model, &world, 200, false);
    assert!(matches!(outcome.state, SyncState::Arrival { .. }), "{:?}", outcome.state);
    let mean = outcome.errors_us.iter().sum::<f64>() / outcome.errors_us.len() as f64;
    assert!((mean - READOUT_US as f64).abs() < 1_500.0, "{mean}");
}

#[test]
fn the_delay_is_found_for_other_scenes_and_exposures() {
    for (seed, exposure_us) in [(2, 20_000), (3, 50_000)] {
        let model = RigModel { exposure_us, ..model(seed) };
        let outcome = play(model, &world(model, 150), 300, true);
        let rest = &outcome.errors_us[150..];
        println!("seed {seed}, {exposure_us} us: {:.0} us; {:?}", worst(rest), outcome.state);
        assert!(worst(rest) < 1_000.0, "seed {seed}: {:.0} us", worst(rest));
    }
}

#[test]
fn a_scene_that_stands_still_tells_nothing() {
    let model = RigModel { speed: 0.0, ..model(1) };
    let outcome = play(model, &world(model, 20), 100, true);
    assert!(matches!(outcome.state, SyncState::Arrival { .. }), "{:?}", outcome.state);
}
