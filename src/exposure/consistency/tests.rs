//! Tests of the comparison of events with exposures.

use super::*;

const EXPOSURES: [[i64; 2]; 2] = [[0, 20_000], [22_000, 42_000]];
const SENSOR: Size = Size::new(48, 32);

/// Events over the whole sensor, every 10 us, at these times.
fn events(time: impl Fn(i64) -> i64) -> Vec<Event> {
    let event = |i: i64| Event {
        t_us: time(i * 10),
        x: (i % 48) as u16,
        y: (i / 48 % 32) as u16,
        polarity: i % 2 == 0,
    };
    (0..4200).map(event).collect()
}

fn cause_of(time: impl Fn(i64) -> i64, exposures: &[[i64; 2]]) -> Option<Cause> {
    match check(&events(time), exposures, SENSOR).as_slice() {
        [Finding::Times { cause, .. }] => Some(*cause),
        [] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn matching_events_have_no_finding() {
    assert_eq!(check(&events(|t| t), &EXPOSURES, SENSOR), []);
    // Events of a minute around a pair of short exposures.
    let long = |t: i64| t * 1400;
    assert_eq!(check(&events(long), &[[20_000_000, 22_000_000]], SENSOR), []);
}

#[test]
fn sharp_images_at_other_times_than_the_exposures_are_found() {
    let times: Vec<i64> = [0, 7_000, 20_000, 22_000, 33_000, 42_000].to_vec();
    let find = |time: fn(i64) -> i64| {
        let changed: Vec<i64> = times.iter().map(|t| time(*t)).collect();
        check_truth(&changed, &EXPOSURES)
    };
    assert_eq!(find(|t| t), None);
    assert_eq!(check_truth(&[], &EXPOSURES), None);
    assert_eq!(check_truth(&[10_000, 10_000], &EXPOSURES), None);
    // One, and the ends of both exposures, rounded otherwise than these.
    let [[start1, end1], [start2, end2]] = EXPOSURES;
    assert_eq!(check_truth(&[end2], &EXPOSURES), None);
    assert_eq!(check_truth(&[start1 - 1, end1 + 1, start2 - 1, end2 + 1], &EXPOSURES), None);
    let outside = |finding: Option<Finding>| match finding {
        Some(Finding::Truth { truths, .. }) => truths,
        other => panic!("{other:?}"),
    };
    // Nanoseconds, another clock, milliseconds, seconds that were cut.
    assert_eq!(outside(find(|t| t * 1000)), (6, 5));
    assert_eq!(outside(find(|t| t + 100_000)), (6, 6));
    assert_eq!(outside(find(|t| t / 1000)), (6, 0));
    assert_eq!(outside(find(|_| 0)), (6, 0));
    let text = find(|t| t + 100_000).unwrap().to_string();
    assert!(text.contains("6 of 6 sharp images lie outside the exposures"), "{text}");
    assert!(text.contains("from 0.1 s to 0.142 s") && text.contains("to 42000 us"), "{text}");
}

#[test]
fn another_unit_is_named() {
    for (time, unit) in [
        ((|t| t * 1000) as fn(i64) -> i64, TimeUnit::Nanoseconds),
        (|t| t / 1000, TimeUnit::Milliseconds),
        (|_| 0, TimeUnit::Seconds),
    ] {
        assert_eq!(cause_of(time, &EXPOSURES), Some(Cause::Unit(unit)));
    }
}

#[test]
fn exposures_in_a_longer_unit_are_named() {
    // Exposures of 20 ms, and of 2.5 s that were cut to whole seconds, beside microseconds.
    for (exposures, unit, factor) in [
        ([[0, 20], [22, 42]], TimeUnit::Milliseconds, "by 1000"),
        ([[0, 2], [2, 5]], TimeUnit::Seconds, "by 1000000"),
    ] {
        let time = |t: i64| if factor == "by 1000" { t } else { t * 120 };
        assert_eq!(cause_of(time, &exposures), Some(Cause::Exposures(unit)));
        let finding = &check(&events(time), &exposures, SENSOR)[0];
        let text = finding.to_string();
        assert!(text.contains(&format!("exposures in {}?", unit.name())), "{text}");
        assert!(text.ends_with(factor) && finding.advises_conversion(), "{text}");
    }
}

#[test]
fn whole_milliseconds_that_agree_with_the_exposures_are_found_by_their_number() {
    let rate = |events: &[Event], exposures: &[[i64; 2]], sensor| {
        let found = check(events, exposures, sensor);
        match found.as_slice() {
            [Finding::Rate { events, all, .. }] => Some((*events, *all)),
            [] => None,
            other => panic!("{other:?}"),
        }
    };
    // All times in milliseconds.
    let short = [[0, 20], [22, 42]];
    let all = events(|t| t / 1000);
    assert_eq!(rate(&all, &short, SENSOR), Some((4200, true)));
    let text = check(&all, &short, SENSOR)[0].to_string();
    assert!(text.contains("4200 events") && text.contains("from 0 us to 41 us"), "{text}");
    assert!(text.contains("exposures from 0 us to 42 us") && text.contains("by 1000"), "{text}");
    // Exposures at the start of a minute whose events are in milliseconds.
    let part = |n: i64| events(move |t| (t + n * 200_000) / 1000);
    let minute: Vec<Event> = (0..300).flat_map(part).collect();
    assert_eq!(rate(&minute, &EXPOSURES, SENSOR), Some((882_000, false)));
    let text = check(&minute, &EXPOSURES, SENSOR)[0].to_string();
    assert!(text.contains("--time-unit ms") && text.contains("to 59841 us"), "{text}");
    // As fast as the fastest camera, and as a part of it; too few events to judge.
    let fast = events(|t| t / 20);
    assert_eq!(rate(&fast, &[[0, 1_000], [1_100, 2_100]], SENSOR), None);
    assert_eq!(rate(&fast, &[[0, 1_000], [1_100, 2_100]], Size::new(24, 16)), None);
    let few: Vec<Event> = all.iter().step_by(10).copied().collect();
    assert_eq!(rate(&few, &short, SENSOR), None);
}

#[test]
fn another_zero_is_named_and_the_offset_corrects_it() {
    let unix = 1_700_000_000_000_000;
    let exposures = EXPOSURES.map(|e| e.map(|t| t + unix));
    let clock = Cause::Clock { unit: TimeUnit::Microseconds, offset_us: unix };
    assert_eq!(cause_of(|t| t + 100, &exposures), Some(clock));
    let text = check(&events(|t| t + 100), &exposures, SENSOR)[0].to_string();
    assert!(text.contains("no events during the first exposure; 4200 events lie from 100 us"));
    assert!(text.contains("1700000000 s to 1700000000.042 s"), "{text}");
    assert!(text.contains("from 1970") && text.contains(&format!("--time-offset {unix}")));
    assert!(!Finding::NoEvents.advises_conversion());
    assert_eq!(check(&events(|t| t + unix), &exposures, SENSOR), []);
    // The other way round.
    let back = Cause::Clock { unit: TimeUnit::Microseconds, offset_us: -unix };
    assert_eq!(cause_of(|t| t + unix, &EXPOSURES), Some(back));
    // Nanoseconds from zero.
    let both = Cause::Clock { unit: TimeUnit::Nanoseconds, offset_us: unix };
    assert_eq!(cause_of(|t| t * 1000, &exposures), Some(both));
}

#[test]
fn a_still_scene_has_no_suspected_clock() {
    let late = |t: i64| 21_000 + t / 2;
    assert_eq!(cause_of(late, &EXPOSURES), Some(Cause::Still));
    // Nothing but the first exposure.
    assert_eq!(cause_of(|t| 7 + t * 19 / 42, &EXPOSURES), Some(Cause::Still));
    assert_eq!(check(&[], &EXPOSURES, SENSOR), [Finding::NoEvents]);
    assert_eq!(cause_of(|_| 7, &[[5_000_000, 5_020_000]]), Some(Cause::Unknown));
}

#[test]
fn a_grid_that_is_a_part_of_the_sensor_is_found() {
    let sensor = Size::new(96, 64);
    let found = check(&events(|t| t), &EXPOSURES, sensor);
    assert_eq!(found, [Finding::Part { reached: (47, 31), sensor }]);
    assert!(found[0].to_string().contains("beyond (47, 31) of the 96x64 sensor"));
    // A bar that moves over a part of the grid.
    let mut bar = events(|t| t);
    bar.retain(|e| (6..47).contains(&e.x));
    assert_eq!(check(&bar, &EXPOSURES, sensor), [Finding::Part { reached: (46, 31), sensor }]);
    // A thing in the middle of a larger sensor.
    bar.retain(|e| e.x >= 20);
    assert_eq!(check(&bar, &EXPOSURES, sensor), []);
    // A moving thing in a corner does not begin at the first pixels, or reaches one far side.
    assert_eq!(check(&events(|t| t), &EXPOSURES, Size::new(48, 128)), []);
}

#[test]
fn events_that_fill_the_sensor_of_another_scale_factor_are_found() {
    let image = Size::new(96, 64);
    let find = |events: &[Event], stated| check_scale(events, image, stated);
    let all = events(|t| t);
    assert_eq!(find(&all, 2.0), None);
    // As from a larger sensor, of which the rest is dark.
    let found = find(&all, 1.5).unwrap();
    assert_eq!(found, Finding::Grid { stated: 1.5, fitting: 2.0, image, reached: (47, 31) });
    let text = found.to_string();
    assert!(text.contains("the scale_factor is 1.5: a sensor of 64x43 pixels"), "{text}");
    assert!(text.contains("beyond (47, 31)") && text.contains("the scale_factor 2?"), "{text}");
    // The wrong sensor is little larger, or a thing that moves reaches one of its ends only.
    assert_eq!(find(&all, 1.9), None);
    assert_eq!(find(&all, f64::NAN), None);
    let part = |x: u16, y: u16| {
        let part = all.iter().filter(|e| e.x < x && e.y < y).copied();
        find(&part.collect::<Vec<_>>(), 1.5)
    };
    assert_eq!((part(40, 32), part(48, 26)), (None, None));
    assert!(part(47, 32).is_some());
    let late: Vec<Event> = all.iter().filter(|e| e.x >= 20).copied().collect();
    assert_eq!(find(&late, 1.5), None);
}

#[test]
fn a_live_source_is_judged_after_enough_exposures() {
    let mut live = LiveCheck::default();
    for _ in 0..LiveCheck::EXPOSURES {
        assert_eq!(live.finding(false), None);
        live.observe(&[], SENSOR);
    }
    assert!(live.finding(false).is_some_and(|text| text.contains("none of 24 exposures")));
    let mut live = LiveCheck::default();
    live.observe(&events(|t| t), SENSOR);
    live.observe(&events(|t| t), SENSOR);
    assert_eq!(live.finding(true), None);
}
