//! npz files of events, as Time Lens and HighREV have them, with other polarities, units or places.

use super::*;

/// Writes events of the rows x, y, t, p.
pub(super) fn save_rows(path: &Path, rows: &[[f64; 4]]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let column = |k: usize| {
        let bytes: Vec<u8> = rows.iter().flat_map(|row| row[k].to_le_bytes()).collect();
        npy::write("<f8", &[rows.len()], &bytes)
    };
    let file =
        npz::write(&[("x", column(0)), ("y", column(1)), ("t", column(2)), ("p", column(3))]);
    std::fs::write(path, file.unwrap()).unwrap();
}

/// Writes frames as HS-ERGB has them, with events as `row` has them; `more` are added to the first file.
pub(super) fn scene(
    folder: &Path,
    wanted: &[Pair],
    row: impl Fn(&Event) -> [f64; 4],
    more: &[[f64; 4]],
) {
    let mut times = String::new();
    for (k, (blurry, [start, _], _)) in frames(wanted).iter().enumerate() {
        save(blurry, &folder.join(format!("images/{k:06}.png")));
        times += &format!("{start}\n");
    }
    std::fs::write(folder.join("images/timestamp.txt"), times).unwrap();
    for (k, pair) in wanted.iter().enumerate() {
        let mut rows: Vec<[f64; 4]> = pair.events.iter().map(&row).collect();
        rows.extend(more.iter().filter(|_| k == 0));
        save_rows(&folder.join(format!("events/{k:06}.npz")), &rows);
    }
}

/// Writes frames as HighREV has them, with events as `row` has them.
pub(super) fn highrev(val: &Path, wanted: &[Pair], row: impl Fn(&Event) -> [f64; 4]) {
    highrev_files(val, wanted, |file, _, events| {
        save_rows(file, &events.iter().map(&row).collect::<Vec<_>>());
    });
}

/// Writes frames as HighREV has them; `write` writes a file with events of a frame of this number.
pub(super) fn highrev_files(val: &Path, wanted: &[Pair], write: impl Fn(&Path, usize, &[Event])) {
    let all = events(wanted);
    for (k, (blurry, [start, end], sharp)) in frames(wanted).iter().enumerate() {
        save(blurry, &val.join(format!("blur/desk_{k:05}.png")));
        save(sharp, &val.join(format!("sharp/desk_{k:05}.png")));
        let bounds = [*start, start + 5000, *end, start + PERIOD_US];
        for (part, bound) in bounds.windows(2).enumerate() {
            let within = all.iter().filter(|e| (bound[0]..bound[1]).contains(&e.t_us));
            let events: Vec<Event> = within.copied().collect();
            write(&val.join(format!("event/desk_{k:05}_{part:02}.npz")), k, &events);
        }
    }
}

fn on(e: &Event) -> f64 {
    f64::from(u8::from(e.polarity))
}

const COUNTED: &str = "polarities 1 and 2 taken as OFF and ON";
const AVERAGE: [&str; 4] = ["--average", "2", "--truths", "2"];

#[test]
fn polarities_1_and_2_and_entries_that_are_no_events_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let row = |e: &Event| [f64::from(e.x), f64::from(e.y), e.t_us as f64, 1.0 + on(e)];
    let damaged = [f64::NAN, 3.0, (START_US + 3) as f64, 1.0];
    scene(&here.join("hs/scene"), &wanted, row, &[damaged]);
    let exposed = ["import", "hs", "--out", "set", "--exposure-us", "12000"];
    let printed = run(&exposed, here).unwrap();
    same(&imported(&here.join("set")), &blurry(&wanted), "HS-ERGB");
    assert!(printed.contains(COUNTED), "{printed}");
    assert!(printed.contains("1 events are not numbers or pixels"), "{printed}");
    // Averaged frames have the same remarks.
    let printed = run(&[&["import", "hs", "--out", "mean"][..], &AVERAGE].concat(), here).unwrap();
    assert!(printed.contains(COUNTED), "{printed}");
    assert!(printed.contains("1 events have no valid number, pixel or polarity"), "{printed}");
    let first = imported(&here.join("mean")).remove(0).events[0];
    assert_eq!(first, wanted[0].events[0]);

    highrev(&here.join("val"), &wanted, |e| {
        [f64::from(e.y), f64::from(e.x), e.t_us as f64, 1.0 + on(e)]
    });
    let printed = run(&["import", "val", "--out", "rev"], here).unwrap();
    same(&imported(&here.join("rev")), &wanted, "HighREV");
    assert!(printed.contains(COUNTED), "{printed}");
}

#[test]
fn polarities_of_no_convention_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let row = |e: &Event| [f64::from(e.x), f64::from(e.y), e.t_us as f64, 3.0 + on(e)];
    scene(&here.join("hs/scene"), &wanted, row, &[]);
    highrev(&here.join("val"), &wanted, |e| {
        [f64::from(e.y), f64::from(e.x), e.t_us as f64, 3.0 + on(e)]
    });
    for arguments in [&["import", "hs", "--exposure-us", "12000"][..], &["import", "val"]] {
        let error = run(&[arguments, &["--out", "set"]].concat(), here).unwrap_err();
        assert!(error.contains("polarities are not known: they must be 1 and 0"), "{error}");
    }
}

#[test]
fn time_lens_with_exchanged_coordinates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |e: &Event| [f64::from(e.y), f64::from(e.x), e.t_us as f64, on(e)];
    scene(&here.join("hs/scene"), &pairs(), row, &[]);
    for options in [&["--exposure-us", "12000"][..], &AVERAGE] {
        let error =
            run(&[&["import", "hs", "--out", "set"][..], options].concat(), here).unwrap_err();
        assert!(error.contains("exchange the arrays x and y of its files"), "{error}");
    }
}

#[test]
fn averaged_frames_have_the_resolution_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |e: &Event| [f64::from(e.x), f64::from(e.y), e.t_us as f64, on(e)];
    scene(&here.join("hs/scene"), &pairs(), row, &[]);
    let sensor = ["--sensor", "96x64"];
    let mean = [&["import", "hs", "--out", "mean"][..], &AVERAGE, &sensor].concat();
    let error = run(&mean, here).unwrap_err();
    assert!(error.contains("--sensor 96x64, but pictures of 48x32"), "{error}");
    assert!(error.contains("or leave out --average"), "{error}");
}

#[test]
fn highrev_with_times_in_milliseconds_equals_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    highrev(&here.join("val"), &wanted, |e| {
        [f64::from(e.y), f64::from(e.x), e.t_us as f64 / 1e3, on(e)]
    });
    let printed = run(&["import", "val", "--out", "set"], here).unwrap();
    same(&imported(&here.join("set")), &wanted, "milliseconds");
    assert!(printed.contains("times of events in ms (guessed); --event-unit"), "{printed}");
}
