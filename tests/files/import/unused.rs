//! Options that the format of a recording, or the recording itself, has no use for.

use super::npz_formats::{highrev, scene};
use super::*;

/// Options that not every format uses, with a value.
const OPTIONS: [&[&str]; 10] = [
    &["--exposure-us", "12000"],
    &["--contiguous"],
    &["--stamp", "middle"],
    &["--columns", "t,x,y,p"],
    &["--event-unit", "us"],
    &["--frame-unit", "us"],
    &["--bgr"],
    &["--frame-topic", "/a"],
    &["--event-topic", "/a"],
    &["--average", "2"],
];

fn on(e: &Event) -> f64 {
    f64::from(u8::from(e.polarity))
}

/// Writes pictures with text files; the file of times has these lines.
fn text_export(folder: &Path, header: &str, times: impl Fn(usize, [i64; 2]) -> String) {
    export(folder, &pairs(), header, times);
    let csv = event_lines(&events(&pairs()), |e| format!("{},{},{},{}\n", e.t_us, e.x, e.y, on(e)));
    std::fs::write(folder.join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
}

fn write_highrev(folder: &Path) {
    highrev(folder, &pairs(), |e| [f64::from(e.y), f64::from(e.x), e.t_us as f64, on(e)]);
}

fn write_time_lens(folder: &Path) {
    let row = |e: &Event| [f64::from(e.x), f64::from(e.y), e.t_us as f64, on(e)];
    scene(folder, &pairs(), row, &[]);
}

#[test]
fn options_without_effect_on_a_format_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    text_export(&here.join("raw"), "", |_, [start, _]| format!("{start}\n"));
    write_highrev(&here.join("val"));
    write_time_lens(&here.join("hs"));
    // The first bytes decide about the format.
    std::fs::write(here.join("a.h5"), b"\x89HDF\r\n\x1a\n\0").unwrap();
    std::fs::write(here.join("a.bag"), b"#ROSBAG V2.0\n").unwrap();
    std::fs::write(here.join("a.mcap"), b"\x89MCAP0\r\n").unwrap();
    let topics = "--frame-topic --event-topic";
    let exposures = "--exposure-us --contiguous --stamp";
    let units = "--event-unit --frame-unit";
    let ros = format!("--columns {units} --bgr --average");
    let cases = [
        ("raw", "pictures with text files", format!("--bgr {topics} --average")),
        ("val", "HighREV", format!("{exposures} --columns --frame-unit --bgr {topics} --average")),
        ("hs", "HS-ERGB and BS-ERGB", format!("--columns --bgr {topics}")),
        ("a.h5", "EFNet's HDF5", format!("--columns --frame-unit {topics} --average")),
        ("a.bag", "ROS bags and MCAP files", ros.clone()),
        ("a.mcap", "ROS bags and MCAP files", ros),
    ];
    for (source, format, unused) in cases {
        let unused: Vec<&str> = unused.split(' ').collect();
        for option in OPTIONS {
            let name = option[0];
            let set = format!("set{name}-{source}");
            let result = run(&[&["import", source, "--out", &set][..], option].concat(), here);
            let printed = result.as_ref().unwrap_or_else(|error| error);
            if !unused.contains(&name) {
                assert!(!printed.contains("no effect"), "{source} {name}: {printed}");
                continue;
            }
            let error = result.unwrap_err();
            let start = format!("gem-live: {name} (for ");
            let end = format!(") has no effect with {format}: leave it out");
            assert!(error.starts_with(&start) && error.trim_end().ends_with(&end), "{error}");
            assert_eq!(error.trim_end().lines().count(), 1, "{error}");
            assert!(!here.join(&set).exists(), "{source} {name}");
        }
    }
    // Several options, each with the formats that use it.
    let two = ["import", "val", "--out", "set", "--columns", "t,x,y,p", "--frame-unit", "s"];
    let error = run(&two, here).unwrap_err();
    let line = "--columns (for pictures with text files), --frame-unit (for pictures with text files, \
                HS-ERGB and BS-ERGB) have no effect with HighREV: leave them out";
    assert!(error.contains(line), "{error}");
}

#[test]
fn options_that_some_of_the_recordings_use_are_reported_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_highrev(&here.join("val"));
    write_time_lens(&here.join("hs"));
    let both = ["import", "val", "hs", "--out", "set", "--exposure-us", "12000"];
    let printed = run(&both, here).unwrap();
    let line = "gem-live: not used for HighREV, only for other recordings: --exposure-us\n";
    assert!(printed.contains(line), "{printed}");
    assert_eq!(printed.matches("not used").count(), 1, "{printed}");
    assert_eq!(imported(&here.join("set")).len(), 4);
    // Averaged frames have the exposure that follows from their times.
    let averaged = ["import", "hs", "--out", "mean", "--average", "2", "--stamp", "middle"];
    let error = run(&averaged, here).unwrap_err();
    assert!(error.contains("--stamp") && error.contains("cannot be used with"), "{error}");
}

#[test]
fn exposures_of_the_recording_come_before_stated_ones_which_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    text_export(&here.join("lengths"), "name,timestamp_us,exposure_us\n", named);
    let ends = |_, [start, end]: [i64; 2]| format!("{start},{end}\n");
    text_export(&here.join("ends"), "exposure_start_us,exposure_end_us\n", ends);
    text_export(&here.join("none"), "", |_, [start, _]| format!("{start}\n"));
    let cases: [(&str, &[&str], Option<&str>); 4] = [
        ("lengths", &["--exposure-us", "9000"], Some("--exposure-us")),
        ("ends", &["--contiguous", "--stamp", "middle"], Some("--contiguous, --stamp")),
        ("ends", &[], None),
        ("none", &["--exposure-us", "12000"], None),
    ];
    for (k, (source, options, wanted)) in cases.into_iter().enumerate() {
        let set = format!("set{k}");
        let printed =
            run(&[&["import", source, "--out", &set][..], options].concat(), here).unwrap();
        same(&imported(&here.join(&set)), &pairs(), source);
        let found = printed.lines().find_map(|line| line.trim().strip_prefix("not used: "));
        let wanted = wanted.map(|o| format!("{o}: the recording has its own exposures"));
        assert_eq!(found, wanted.as_deref(), "{source}: {printed}");
    }
}
