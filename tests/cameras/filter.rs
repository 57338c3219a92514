//! Tests of the noise filters against simple models, and on the noise of the simulated sensor.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod properties;

use gem_live::camera::{EventPacket, Value};
use gem_live::event::Event;
use gem_live::event::filter::{
    Activity, ActivitySettings, HotPixels, HotSettings, Refractory, RefractorySettings,
};
use gem_live::image::Size;
use gem_live::live::{Fact, Filters};
use gem_live::simulate::rig::{RigModel, RigWorld};
use gem_live::simulate::{EventSensor, SensorSettings};
use gem_live::time::Timestamp;
use proptest::prelude::*;

const SENSOR: Size = Size::new(7, 5);

/// Sorted events, a few of them outside of the sensor.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..40_i64, 0..8_u16, 0..6_u16, any::<bool>());
    prop::collection::vec(event, 0..300).prop_map(|steps| {
        let mut t_us = 1_000;
        let next = |(step, x, y, on)| {
            t_us += step;
            Event { t_us, x, y, polarity: on }
        };
        steps.into_iter().map(next).collect()
    })
}

fn inside(e: &Event) -> bool {
    usize::from(e.x) < SENSOR.width && usize::from(e.y) < SENSOR.height
}

/// Applies `f` to the events in packets of `size` events.
fn in_packets(events: &[Event], size: usize, mut f: impl FnMut(&mut Vec<Event>)) -> Vec<Event> {
    let mut out = Vec::new();
    for packet in events.chunks(size) {
        let mut packet = packet.to_vec();
        f(&mut packet);
        out.extend(packet);
    }
    out
}

/// One second of a moving scene seen by an ideal sensor, and the noise of a real sensor that sees a
/// static scene.
fn signal_and_noise() -> (Size, Vec<Event>, Vec<Event>) {
    let mut model = RigModel::new(Size::new(128, 96), 3);
    model.pixels = SensorSettings::ideal(0.2);
    let mut world = RigWorld::new(model).unwrap();
    let mut signal = Vec::new();
    while signal.last().is_none_or(|e: &Event| e.t_us < 1_000_000) {
        signal.extend(world.period().unwrap().events);
    }
    // One event a second per pixel, ten times the noise of the sensor in good light.
    let faults = SensorSettings { shot_noise_hz: 1.0, leak_hz: 0.1, ..SensorSettings::default() };
    let mut sensor = EventSensor::new(model.sensor, faults);
    let (dark, mut noise) = (vec![0.0; model.sensor.area()], Vec::new());
    for t in 0..=100 {
        sensor.push(f64::from(t) * 10_000.0, &dark, &mut noise).unwrap();
    }
    (model.sensor, signal, noise)
}

#[test]
fn simulated_noise_is_removed_and_a_moving_scene_is_kept() {
    let (sensor, signal, noise) = signal_and_noise();
    assert!(signal.len() > 20_000 && noise.len() > 2_000, "{} {}", signal.len(), noise.len());
    let mut alone = noise.clone();
    Activity::default().apply(ActivitySettings::default(), sensor, 0, &mut alone);
    let passed = alone.len() as f64 / noise.len() as f64;
    println!("noise alone: {:.1} % of {} events pass", 100.0 * passed, noise.len());
    assert!(passed < 0.2, "{passed}");
    let mut moving = signal.clone();
    Activity::default().apply(ActivitySettings::default(), sensor, 0, &mut moving);
    let kept = moving.len() as f64 / signal.len() as f64;
    println!("signal alone: {:.1} % of {} events pass", 100.0 * kept, signal.len());
    assert!(kept > 0.9, "{kept}");
}

#[test]
fn hot_pixels_are_detected_in_a_moving_scene_and_recover() {
    let (sensor, signal, _) = signal_and_noise();
    // Two adjacent hot pixels and a separate one, 300 events a second each.
    let defects = [(10_u16, 7_u16), (11, 7), (40, 20)];
    let from_us = signal[0].t_us;
    let hot = (0..300).flat_map(|i| {
        defects.map(|(x, y)| Event { t_us: from_us + i * 3_333, x, y, polarity: i % 2 == 0 })
    });
    let mut all: Vec<Event> = signal.iter().copied().chain(hot).collect();
    all.sort_by_key(|e| e.t_us);
    let settings = HotSettings { window_us: 100_000, ..HotSettings::default() };
    let mut filter = HotPixels::default();
    let kept = in_packets(&all, 500, |p| filter.apply(settings, sensor, 0, p));
    let found: Vec<(u16, u16)> = filter.list().iter().map(|p| (p.x, p.y)).collect();
    assert_eq!(found, defects);
    assert!(filter.list().iter().all(|p| (280.0..600.0).contains(&p.rate_hz)));
    let defect = |e: &&Event| defects.contains(&(e.x, e.y));
    let (before, after) = (all.iter().filter(defect), kept.iter().filter(defect));
    assert!(after.count() * 3 < before.count(), "detected after two of ten windows");
    let others = |events: &[Event]| events.iter().filter(|e| !defect(e)).count();
    let lost = others(&all) - others(&kept);
    assert!(lost * 50 < others(&all), "{lost} of {} others", others(&all));
    // The same scene without them, in a new epoch: no longer hot after four windows.
    let again = in_packets(&signal, 500, |p| filter.apply(settings, sensor, 1, p));
    assert!(filter.list().is_empty(), "{:?}", filter.list());
    assert!(again.len() * 100 > signal.len() * 95);
}

#[test]
fn a_new_epoch_or_sensor_size_resets_the_filter() {
    let at = |t_us| Event { t_us, x: 3, y: 2, polarity: true };
    let period = RefractorySettings { period_us: 1_000 };
    let mut filter = Refractory::default();
    let mut pass = |epoch, sensor, t_us| {
        let mut packet = vec![at(t_us)];
        filter.apply(period, sensor, epoch, &mut packet);
        packet.len()
    };
    assert_eq!((pass(0, SENSOR, 5_000), pass(0, SENSOR, 5_500)), (1, 0));
    assert_eq!(pass(1, SENSOR, 5_600), 1);
    assert_eq!(pass(1, Size::new(8, 8), 5_700), 1);
    // Extreme times do not cause an overflow.
    assert_eq!((pass(2, SENSOR, i64::MIN / 8), pass(2, SENSOR, i64::MAX / 4)), (1, 1));
}

#[test]
fn filters_are_set_as_controls_and_report_their_counts() {
    let filters = Filters::default();
    let mut stages = filters.stages();
    let noise: Vec<Event> = (0..100_i64)
        .map(|i| Event {
            t_us: i * 100,
            x: (i * 3 % 60) as u16,
            y: (i * 7 % 40) as u16,
            polarity: true,
        })
        .collect();
    let mut pass = |epoch: u32| {
        let mut packet = EventPacket {
            epoch,
            from: Timestamp::from_us(0),
            until: Timestamp::from_us(20_000),
            arrived: Timestamp::now(),
            events: noise.clone().into(),
            edges: Vec::new(),
            sensor: Size::new(60, 40),
            lost_since: None,
        };
        stages.iter_mut().for_each(|stage| stage.apply(&mut packet));
        packet.events.len()
    };
    assert_eq!(pass(0), 100, "all are off");
    assert_eq!(filters.facts(), []);
    let on = Value::Bool(true);
    assert_eq!(filters.set("filter_activity", &on), Some(Ok(())));
    assert_eq!(filters.set("filter_activity_us", &Value::Int(100)), Some(Ok(())));
    assert!(matches!(filters.set("filter_activity_us", &Value::Int(0)), Some(Err(_))));
    assert!(filters.set("exposure_us", &on).is_none(), "a camera's");
    let passed = pass(1);
    assert!(passed < 20, "{passed}");
    let fact = Fact::Filter {
        name: "background activity",
        events_in: 100,
        events_out: passed as u64,
        hot_pixels: None,
    };
    assert_eq!(filters.facts(), [fact]);
    let counts = filters.report().counts[2];
    assert_eq!((counts.events_in, counts.events_out), (100, passed as u64));
    let shown = filters.controls();
    assert!(shown.iter().any(|c| c.name == "filter_activity" && c.value == on));
}

#[test]
fn hot_pixels_are_kept_by_serial_number() {
    let folder = tempfile::tempdir().unwrap();
    let sensor = Size::new(60, 40);
    // One pixel fires 1000 times a second.
    let packet = |from_us: i64| EventPacket {
        epoch: 0,
        from: Timestamp::from_us(from_us),
        until: Timestamp::from_us(from_us + 100_000),
        arrived: Timestamp::now(),
        events: (0..100)
            .map(|i| Event { t_us: from_us + i * 1_000, x: 7, y: 9, polarity: true })
            .collect::<Vec<_>>()
            .into(),
        edges: Vec::new(),
        sensor,
        lost_since: None,
    };
    // Events of the first packet that pass, for a camera.
    let first = |serial: Option<&str>, packets: i64| {
        let filters = Filters::in_folder(folder.path());
        filters.set("filter_hot", &Value::Bool(true)).unwrap().unwrap();
        filters.camera(serial);
        let mut stages = filters.stages();
        let mut pass = |from_us: i64| {
            let mut packet = packet(from_us);
            stages.iter_mut().for_each(|stage| stage.apply(&mut packet));
            packet.events.len()
        };
        let first = pass(0);
        for i in 1..packets {
            pass(i * 100_000);
        }
        first
    };
    assert_eq!(first(Some("00000042"), 20), 100, "nothing is known yet");
    assert_eq!(first(Some("00000042"), 1), 0, "known from before");
    assert_eq!(first(Some("00000043"), 1), 100, "another camera");
    assert_eq!(first(None, 20), 100);
    assert_eq!(first(Some("00000042"), 1), 0, "kept although it was only used");
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "only cameras with hot pixels and a serial number have a file");
}
