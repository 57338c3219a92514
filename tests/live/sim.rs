//! The simulated rig: its physics, and the synchronisation of its clocks.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::{
    Device, DeviceSelector, Driver, Drops, EventPacket, FramePacket, Packet, Value,
};
use gem_live::deblur::edi;
use gem_live::deblur::metrics::{psnr, sharpness};
use gem_live::event::Thresholds;
use gem_live::exposure::Exposure;
use gem_live::image::Size;
use gem_live::rig::clock::{ClockSettings, FrameTimer, SyncState};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, SyncedExposure};
use gem_live::simulate::load_generator::{Load, LoadModel};
use gem_live::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use gem_live::simulate::sim_camera::Sim;
use gem_live::simulate::{CameraSettings, SensorSettings};
use gem_live::time::{TimeRange, Timestamp};
use std::time::{Duration, Instant};

/// Events at the resolution of the frame, from an ideal sensor: the input that EDI assumes.
fn ideal() -> RigModel {
    let size = Size::new(144, 96);
    let mut model = RigModel::new(size, 3);
    model.sensor = size;
    model.pixels = SensorSettings { gamma: 2.2, ..SensorSettings::ideal(0.15) };
    model.camera = CameraSettings::noiseless(model.camera.transfer);
    model
}

fn periods(model: RigModel, count: usize) -> Vec<Period> {
    let mut world = RigWorld::new(model).unwrap();
    (0..count).map(|_| world.period().unwrap()).collect()
}

#[test]
fn the_seed_determines_the_world() {
    let model = RigModel::new(Size::new(96, 64), 5);
    let (a, b) = (periods(model, 3), periods(model, 3));
    for (a, b) in a.iter().zip(&b) {
        assert_eq!((&a.frame, &a.truth, &a.events), (&b.frame, &b.truth, &b.events));
    }
    let other = periods(RigModel::new(Size::new(96, 64), 6), 3);
    assert_ne!(a[0].frame, other[0].frame);
}

#[test]
fn the_number_of_threads_does_not_change_the_world() {
    let model = RigModel::new(Size::new(160, 96), 5);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| periods(model, 2))
    };
    for (a, b) in with(1).iter().zip(&with(3)) {
        assert_eq!((&a.frame, &a.truth, &a.events), (&b.frame, &b.truth, &b.events));
    }
}

#[test]
fn frames_are_blurry_truth_is_sharp_and_events_explain_the_difference() {
    let (mut blurry, mut restored, mut sharper) = (0.0, 0.0, 0);
    let all = periods(ideal(), 8);
    for p in &all {
        assert!(p.events.is_sorted_by_key(|e| e.t_us));
        assert!(p.events.iter().all(|e| (p.start_us..p.next_us).contains(&e.t_us)));
        let open = p.events.partition_point(|e| e.t_us < p.end_us);
        let exposure = Exposure {
            frame: p.frame.clone().into(),
            span: TimeRange::new(p.start_us as f64, p.end_us as f64),
            events: p.events[..open].to_vec().into(),
            sensor: Size::new(144, 96),
        };
        let middle = TimeRange::instant((p.start_us + p.end_us) as f64 / 2.0);
        let image = edi(&exposure, &[middle], Thresholds::both(0.15)).unwrap().remove(0);
        blurry += psnr(&p.truth, &p.frame).unwrap() / all.len() as f64;
        restored += psnr(&p.truth, &image.to_u8()).unwrap() / all.len() as f64;
        let (sharp, soft) = (sharpness(&p.truth.to_f32()), sharpness(&p.frame.to_f32()));
        sharper += usize::from(sharp > soft);
    }
    println!("PSNR: blurry {blurry:.2}, EDI {restored:.2} dB");
    assert_eq!(sharper, all.len());
    // Shifted, mirrored or inverted events would make it worse.
    assert!(restored > blurry + 1.5, "blurry {blurry:.2}, EDI {restored:.2} dB");
}

#[test]
fn a_still_world_has_sharp_frames_and_no_events() {
    let mut world = RigWorld::new(ideal()).unwrap();
    world.set(30_000, 0.0);
    for _ in 0..2 {
        let p = world.period().unwrap();
        assert_eq!(p.end_us - p.start_us, 30_000);
        assert!(psnr(&p.truth, &p.frame).unwrap() > 50.0);
        assert!(p.events.is_empty(), "{} events", p.events.len());
    }
}

/// Polls the camera for some frames and passes its packets through frame timer and sync buffer.
fn play(
    cable: bool,
    pull_after: usize,
    frames: usize,
) -> (RigModel, FrameTimer, Vec<SyncedExposure>, Drops) {
    let mut model = RigModel::new(Size::new(32, 32), 9);
    model.period_us = 25_000;
    model.exposure_us = 12_000;
    let drops = Drops::default();
    let mut camera = Sim::new(model, cable).open(&DeviceSelector::default(), &drops).unwrap();
    let mut clocks = FrameTimer::new(ClockSettings::default(), drops.clone());
    let mut buffer = SyncBuffer::new(SyncSettings::default(), drops.clone());
    let (mut packets, mut out) = (Vec::new(), Vec::new());
    let started = Instant::now();
    while out.len() < frames {
        assert!(started.elapsed() < Duration::from_secs(60), "only {} frames arrived", out.len());
        if out.len() >= pull_after {
            camera.set("cable", &Value::Bool(false)).unwrap();
        }
        camera.poll(Duration::from_millis(20), &mut packets).unwrap();
        for packet in packets.drain(..) {
            match packet {
                Packet::Events(p) => {
                    clocks.push_events(&p);
                    buffer.push_events(p);
                }
                Packet::Frame(f) => clocks.push_frame(f),
            }
        }
        let now = Timestamp::now();
        while let Some(frame) = clocks.pop(now) {
            buffer.push_frame(frame);
        }
        out.extend(std::iter::from_fn(|| buffer.pop(now)));
    }
    (model, clocks, out, drops)
}

#[test]
fn sync_edges_time_every_exposure_and_no_events_are_lost() {
    let (model, clocks, out, drops) = play(true, usize::MAX, 60);
    assert!(matches!(clocks.state(), SyncState::Edges { .. }), "{:?}", clocks.state());
    // Until the clocks are aligned, frames are timed by their arrival.
    for synced in out.iter().skip(20) {
        let number = i64::try_from(synced.frame.sequence).unwrap();
        let start = model.event_us(number * model.period_us);
        let off = synced.frame.start.us() - start;
        assert!(off.abs() <= 5, "frame {number} is {off} us off");
        assert!(synced.is_complete() && synced.frame.truth.is_some());
    }
    assert!(out.windows(2).all(|w| w[1].frame.sequence == w[0].frame.sequence + 1));
    assert!(drops.snapshot().is_empty(), "{:?}", drops.snapshot());
}

#[test]
fn a_pulled_sync_cable_is_detected_and_frames_stay_aligned() {
    let (model, clocks, out, drops) = play(true, 40, 70);
    assert!(!matches!(clocks.state(), SyncState::Edges { .. }), "{:?}", clocks.state());
    // The fit through the received edges still predicts the exposures, better than arrival times.
    for synced in out.iter().skip(50) {
        let number = i64::try_from(synced.frame.sequence).unwrap();
        let off = synced.frame.start.us() - model.event_us(number * model.period_us);
        assert!(off.abs() <= 50, "frame {number} is {off} us off");
    }
    assert!(drops.snapshot().is_empty(), "{:?}", drops.snapshot());
}

#[test]
fn without_a_sync_cable_arrival_times_are_used_and_nothing_is_lost() {
    let (_, clocks, out, drops) = play(false, 0, 40);
    assert!(matches!(clocks.state(), SyncState::Arrival { .. }), "{:?}", clocks.state());
    assert!(out.windows(2).all(|w| w[1].frame.sequence == w[0].frame.sequence + 1));
    assert!(drops.snapshot().is_empty(), "{:?}", drops.snapshot());
}

#[test]
fn delays_have_the_configured_mean() {
    let mut jitter = Jitter::new(1, 2_000.0);
    let mean = (0..20_000).map(|_| jitter.delay_us() as f64).sum::<f64>() / 20_000.0;
    assert!((mean - 2_000.0).abs() < 60.0, "{mean}");
    assert_eq!(Jitter::new(1, 0.0).delay_us(), 0);
}

/// Polls a device until `enough` returns `true` for the received packets.
fn polled(device: &mut dyn Device, enough: impl Fn(&[Packet]) -> bool) -> Vec<Packet> {
    let (mut packets, started) = (Vec::new(), Instant::now());
    while !enough(&packets) {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "only {} packets arrived",
            packets.len()
        );
        device.poll(Duration::from_millis(20), &mut packets).unwrap();
    }
    packets
}

fn events(packets: &[Packet]) -> Vec<&EventPacket> {
    let events = packets.iter().filter_map(|p| match p {
        Packet::Events(e) => Some(e),
        Packet::Frame(_) => None,
    });
    events.collect()
}

fn frames(packets: &[Packet]) -> Vec<&FramePacket> {
    let frames = packets.iter().filter_map(|p| match p {
        Packet::Frame(f) => Some(f),
        Packet::Events(_) => None,
    });
    frames.collect()
}

#[test]
fn drift_and_offset_of_the_event_clock_can_be_changed_while_running() {
    let mut model = RigModel::new(Size::new(32, 32), 9);
    (model.period_us, model.exposure_us) = (25_000, 12_000);
    let wanted = DeviceSelector::default();
    let mut camera = Sim::new(model, true).open(&wanted, &Drops::default()).unwrap();
    let before = polled(camera.as_mut(), |p| frames(p).len() > 2);
    camera.set("event_drift_ppm", &Value::Float(-150.0)).unwrap();
    let drifting = polled(camera.as_mut(), |p| frames(p).len() > 8);
    let all: Vec<&EventPacket> = events(&before).into_iter().chain(events(&drifting)).collect();
    // The rate changes without a jump: every packet starts where the previous one ended.
    assert!(all.windows(2).all(|w| w[1].from.since_us(w[0].until).abs() <= 1));
    assert!(all.iter().all(|p| p.until.since_us(p.from) <= 1_001 && p.epoch == all[0].epoch));
    let (first, last) = (all[all.len() - 101], all[all.len() - 1]);
    // At -150 ppm, 100 ms are 15 us short; both ends are rounded down.
    let took_us = last.from.since_us(first.from);
    assert!((99_984..=99_986).contains(&took_us), "{took_us}");
    camera.set("event_offset_us", &Value::Float(5.0)).unwrap();
    let after_reset = polled(camera.as_mut(), |p| events(p).iter().any(|e| e.epoch > all[0].epoch));
    let first = events(&after_reset).into_iter().find(|e| e.epoch > all[0].epoch).unwrap();
    assert!(first.from.us() < last.until.us(), "{:?}", first.from);
}

#[test]
fn a_load_has_its_rates_and_no_gaps() {
    let load: LoadModel = "64x48/32x24@100,250k".parse().unwrap();
    let drops = Drops::default();
    let mut device = Load::new(load).open(&DeviceSelector::default(), &drops).unwrap();
    // More than one repetition of the loop.
    let packets = polled(device.as_mut(), |p| frames(p).len() > 12);
    let (frames, events) = (frames(&packets), events(&packets));
    for packet in &events {
        let inside = packet.from.us()..packet.until.us();
        assert!(packet.events.iter().all(|e| inside.contains(&e.t_us)));
        assert!(packet.events.is_sorted_by_key(|e| e.t_us));
    }
    // If the computer was stalled for long, losses were counted; then gaps are allowed.
    if !drops.snapshot().is_empty() {
        return;
    }
    assert!(events.windows(2).all(|w| w[1].from == w[0].until));
    assert!(frames.windows(2).all(|w| w[1].sequence == w[0].sequence + 1));
    // Ten packets of a millisecond are one period.
    let count: usize = events.iter().skip(10).take(100).map(|p| p.events.len()).sum();
    assert_eq!(count, 25_000);
    let edges: usize = events.iter().take(100).map(|p| p.edges.len()).sum();
    assert_eq!(edges, 20);
    assert_eq!(frames[0].picture, frames[8].picture, "the loop does not repeat");
    assert_ne!(frames[0].picture, frames[1].picture);
}
