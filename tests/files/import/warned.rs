//! What is doubtful about recordings that are imported nevertheless.

use super::*;

/// Writes a folder of pictures; their file of times has this header for the exposure, and a number.
fn folder_of(folder: &Path, pairs: &[Pair], events: &[Event], header: &str, exposure: i64) {
    let named = |k: usize, [start, _]: [i64; 2]| format!("{k:06}.png,{start},{exposure}\n");
    export(folder, pairs, &format!("name,timestamp_us,{header}\n"), named);
    let csv =
        event_lines(events, |e| format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity)));
    std::fs::write(folder.join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
}

#[test]
fn findings_of_one_kind_are_printed_once_for_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    // Nothing moves during the second exposure of both pairs.
    let first = |e: &&Event| {
        wanted.iter().any(|pair| {
            let [[start, end], _] = pair.exposures_us;
            start < e.t_us && e.t_us < end
        })
    };
    let all = events(&wanted);
    let kept: Vec<Event> = all.iter().filter(first).copied().collect();
    folder_of(&here.join("raw"), &wanted, &kept, "exposure_us", EXPOSURE_US);
    let printed = run(&["import", "raw", "--out", "set"], here).unwrap();
    let warning = "raw: pair 0: warning: no events during the second exposure";
    assert!(printed.contains(warning), "{printed}");
    assert_eq!(printed.matches("warning:").count(), 1, "{printed}");
    // The clock is right.
    assert!(!printed.contains("--time-offset"), "{printed}");
    assert_eq!(imported(&here.join("set")).len(), 2);
}

#[test]
fn exposure_times_in_another_unit_name_the_header_that_states_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let mut kept = events(&wanted);
    let starts: Vec<i64> =
        wanted.iter().flat_map(|p| p.exposures_us.map(|[start, _]| start)).collect();
    kept.retain(|e| !starts.iter().any(|start| (0..100).contains(&(e.t_us - start))));
    // Whole numbers are microseconds, unless the header has a unit.
    folder_of(&here.join("raw"), &wanted, &kept, "exposure", EXPOSURE_US / 1000);
    let error = run(&["import", "raw", "--out", "set"], here).unwrap_err();
    assert!(error.contains("during their exposures, from 1000000 to 1000012 us"), "{error}");
    assert!(error.contains("the name of their column states it, such as exposure_ms"), "{error}");
    folder_of(&here.join("raw"), &wanted, &kept, "exposure_ms", EXPOSURE_US / 1000);
    run(&["import", "raw", "--out", "set"], here).unwrap();
    let made: Vec<_> = imported(&here.join("set")).iter().map(|pair| pair.exposures_us).collect();
    assert_eq!(made, wanted.iter().map(|pair| pair.exposures_us).collect::<Vec<_>>());
}
