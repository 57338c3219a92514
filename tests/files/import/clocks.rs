//! A clock that was set back while it was recorded.

use super::*;

/// How far the clock was set back before the second pair.
const BACK_US: i64 = 1_100_000;

fn shifted(pair: &Pair, by_us: i64) -> Pair {
    let mut pair = pair.clone();
    pair.exposures_us = pair.exposures_us.map(|exposure| exposure.map(|t| t + by_us));
    pair.events.iter_mut().for_each(|event| event.t_us += by_us);
    if let Some(truth) = &mut pair.truth {
        truth.timestamps_us.iter_mut().for_each(|t| *t += by_us);
    }
    pair
}

fn export_pairs(folder: &Path, pairs: &[Pair], events: &[Event]) {
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    export(folder, pairs, "name,timestamp_us,exposure_us\n", named);
    let csv =
        event_lines(events, |e| format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity)));
    std::fs::write(folder.join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
}

#[test]
fn frames_and_events_after_a_reset_are_not_mixed_with_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let reset = [wanted[0].clone(), shifted(&wanted[1], -BACK_US)];
    export_pairs(&here.join("export"), &reset, &events(&reset));
    let printed = run(&["import", "export", "--out", "set"], here).unwrap();
    assert!(printed.contains("the clock was set back 1 times"), "{printed}");
    // Two minutes after the end of what was recorded before.
    let [_, [_, end_us]] = wanted[0].exposures_us;
    let [[begin_us, _], _] = wanted[1].exposures_us;
    let moved = shifted(&wanted[1], end_us + 120_000_000 - begin_us);
    same(&imported(&here.join("set")), &[wanted[0].clone(), moved], "reset");
}

#[test]
fn a_reset_of_one_clock_among_two_is_explained_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let reset = [wanted[0].clone(), shifted(&wanted[1], -BACK_US)];
    // The events fall once more.
    let mut twice = events(&reset);
    twice.extend(events(&wanted[..1]));
    twice.extend(events(&reset[1..]));
    export_pairs(&here.join("export"), &reset, &twice);
    let error = run(&["import", "export", "--out", "set"], here).unwrap_err();
    assert!(error.contains("frames fall 1 times") && error.contains("events 2 times"), "{error}");
    assert!(error.contains("split the recording"), "{error}");
}
