//! EGER against a simple model, the number of parameters, and the list of unsafe modules.

use gem_live::event::{BINS, EgerError, Event, eger};
use gem_live::network::parameters;
use gem_live::time::TimeRange;
use proptest::prelude::*;

#[test]
fn the_published_network_has_2421882_parameters() {
    let count: usize = parameters(gem_live::event::EventInput::Counts)
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(count, 2_421_882);
}

#[test]
fn an_event_outside_the_sensor_is_reported() {
    let event = Event { t_us: 5, x: 8, y: 1, polarity: true };
    let result = eger(&[event], TimeRange::new(0.0, 10.0), TimeRange::instant(5.0), 4, 8);
    assert_eq!(result, Err(EgerError::Outside { x: 8, y: 1, width: 8, height: 4 }));
}

proptest! {
    #[test]
    fn every_event_of_the_exposure_is_counted_once_in_its_channel(
        events in prop::collection::vec((-5_i64..120, 0_u16..8, 0_u16..4, any::<bool>()), 0..200),
        ends in (0_i32..100, 0_i32..100),
    ) {
        let events: Vec<Event> =
            events.into_iter().map(|(t_us, x, y, on)| Event { t_us, x, y, polarity: on }).collect();
        let (start, end) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let exposure = TimeRange::new(0.0, 96.0);
        let got = eger(&events, exposure, TimeRange::new(f64::from(start), f64::from(end)), 4, 8).unwrap();
        let mut model = vec![0.0_f32; BINS * 6 * 32];
        for e in events.iter().filter(|e| (0..96).contains(&e.t_us)) {
            let bin = e.t_us as usize / 6;
            let part = if e.t_us < i64::from(start) { 0 } else if e.t_us < i64::from(end) { 1 } else { 2 };
            model[((bin * 6 + part * 2 + usize::from(e.polarity)) * 4 + usize::from(e.y)) * 8 + usize::from(e.x)] += 1.0;
        }
        prop_assert_eq!(&got, &model);
                // Events in order of time are counted by another code path.
        let mut sorted = events;
        sorted.sort_by_key(|e| e.t_us);
        let target = TimeRange::new(f64::from(start), f64::from(end));
        prop_assert_eq!(eger(&sorted, exposure, target, 4, 8).unwrap(), model);
    }
}

/// Files below `folder` that contain an unsafe block, function or implementation.
#[allow(clippy::unwrap_used, reason = "a helper of a test, which may fail by panicking")]
fn with_unsafe(folder: &std::path::Path, found: &mut Vec<String>) {
    let keyword = ["unsafe ", "unsafe{"];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            with_unsafe(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
            if code.into_iter().any(|line| keyword.iter().any(|k| line.contains(k))) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
}

#[test]
fn architecture_names_every_module_with_unsafe_code() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap();
    let from = text.find("`unsafe` is confined to").unwrap();
    let sentence = text[from..].split(';').next().unwrap();
    let named: Vec<&str> = sentence.split('`').skip(3).step_by(2).collect();
    assert!(named.len() > 3, "{named:?}");
    let mut found = Vec::new();
    with_unsafe(&root.join("src"), &mut found);
    assert!(!found.is_empty());
    let source = root.join("src").to_string_lossy().replace('\\', "/") + "/";
    for file in found {
        let module = file.strip_prefix(&source).unwrap_or(&file);
        assert!(named.iter().any(|n| module.starts_with(n)), "{module} has unsafe code");
    }
}
