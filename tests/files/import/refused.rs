//! What cannot be imported is reported with the way to a recording.

use super::*;

#[test]
fn exchanged_columns_are_refused_and_the_option_puts_them_right() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    // Names without an ending mean the pictures, too.
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06},{start},{}\n", end - start);
    export(&here.join("raw"), &wanted, "name,timestamp_us,exposure_us\n", named);
    let on = |e: &Event| i32::from(e.polarity);
    let csv = event_lines(&events(&wanted), |e| format!("{},{},{},{}\n", e.t_us, e.y, e.x, on(e)));
    std::fs::write(here.join("raw/events.csv"), csv).unwrap();
    let error = run(&["import", "raw", "--out", "set"], here).unwrap_err();
    assert!(error.contains("x and y are exchanged") && error.contains("--columns"), "{error}");
    run(&["import", "raw", "--out", "set", "--columns", "t,y,x,p"], here).unwrap();
    same(&imported(&here.join("set")), &wanted, "exchanged");
}

#[test]
fn unknown_exposures_must_be_given_and_other_layouts_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let stamp = |_, [start, _]: [i64; 2]| format!("{:.6}\n", start as f64 / 1e6);
    export(&here.join("raw"), &wanted, "", stamp);
    std::fs::rename(here.join("raw/timestamps.csv"), here.join("raw/timestamps.txt")).unwrap();
    // Seconds, the polarity first, and the sensor's size above them; two lines are not events.
    let lines = event_lines(&events(&wanted), |e| {
        let (p, t) = (if e.polarity { 1 } else { -1 }, e.t_us as f64 / 1e6);
        format!("{p} {t:.6} {} {}\n", e.x, e.y)
    });
    std::fs::write(here.join("raw/dvs.txt"), format!("48 32\n{lines}end\n1 2.0 500 3\n")).unwrap();
    let error = run(&["import", "raw", "--out", "set"], here).unwrap_err();
    assert!(error.contains("exposure time of its frames is unknown"), "{error}");
    assert!(error.contains("--exposure-us") && error.contains("--contiguous"), "{error}");
    // The failed run leaves nothing that blocks the next.
    let ask = ["import", "raw", "--out", "set", "--exposure-us", "12000"];
    let printed = run(&ask, here).unwrap();
    same(&imported(&here.join("set")), &wanted, "txt");
    assert!(printed.contains("columns p t x y (guessed), times in s (guessed)"), "{printed}");
    assert!(printed.contains("timestamps of frames are the start of exposures"), "{printed}");
    assert!(printed.contains("1 events are not numbers or pixels"), "{printed}");
    assert!(printed.contains("1 events lie beyond the sensor"), "{printed}");

    // Timestamps that are the middle, and events that are late.
    let shifted = ["--event-offset-us=-500", "--stamp", "end", "--exposure-us", "12000"];
    let printed = run(&[&["import", "raw", "--out", "late"][..], &shifted].concat(), here).unwrap();
    assert!(printed.contains("are the end of exposures"), "{printed}");
    let late = imported(&here.join("late"));
    assert_eq!(late[0].exposures_us[0], [START_US - EXPOSURE_US, START_US]);
    assert_eq!(late[0].events[0].t_us, events(&wanted)[0].t_us - 500);

    // Another clock: an error with both ranges, and no dataset.
    let clock = ["import", "raw", "--out", "none", "--exposure-us", "9", "--event-unit", "ns"];
    let error = run(&clock, here).unwrap_err();
    assert!(error.contains("nothing was imported") && error.contains("another clock"), "{error}");
    assert!(!here.join("none/test.yaml").exists());
    let error = run(&["import", here.join("late").to_str().unwrap(), "--out", "x"], here);
    assert!(error.unwrap_err().contains("MS-RBD pairs need no import"));
}

#[test]
fn what_is_skipped_is_printed_up_to_a_limit_and_listed_completely() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    // Of most times there is no picture.
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    export(&here.join("export"), &wanted, "name,timestamp_us,exposure_us\n", named);
    let mut times = std::fs::read_to_string(here.join("export/timestamps.csv")).unwrap();
    (0..300).for_each(|k| times += &format!("gone{k:04}.png,{},9\n", 9_000_000 + 10 * k));
    std::fs::write(here.join("export/timestamps.csv"), times).unwrap();
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    std::fs::write(here.join("export/events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    let printed = run(&["import", "export", "--out", "set"], here).unwrap();
    assert_eq!(printed.matches("there is no such picture").count(), 100, "{printed}");
    assert!(printed.contains("skipped 200 more") && printed.contains("manifest.json"), "{printed}");
    assert!(
        printed.contains("2 pairs in set") && printed.contains("300 parts skipped"),
        "{printed}"
    );
    let manifest = std::fs::read_to_string(here.join("set/manifest.json")).unwrap();
    assert_eq!(manifest.matches("there is no such picture").count(), 300);
}

#[test]
fn files_that_are_not_imported_name_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = |name: &str| here.join(name).to_str().unwrap().to_owned();
    for name in ["bag/a.db3", "events/a.aedat4", "text/a.yaml", "packed/events.csv.gz"] {
        std::fs::create_dir_all(here.join(name).parent().unwrap()).unwrap();
        std::fs::write(here.join(name), b"SQLite format 3\0 and so on").unwrap();
    }
    pairs()[0].write(&here.join("pair.npz")).unwrap();
    for (source, way) in [
        ("bag", "ros2 bag convert"),
        ("bag/a.db3", "ros2 bag convert"),
        ("events", "gem-live record --source replay:FILE"),
        ("pair.npz", "need no import"),
        ("packed", "events.csv.gz is packed: unpack it"),
        ("text", "no recording of a format that is read"),
    ] {
        let error = run(&["import", &path(source), "--out", "set"], here).unwrap_err();
        assert!(error.contains(way), "{source}: {error}");
        assert!(!here.join("set").exists(), "{source}");
    }
    for command in ["deblur", "export"] {
        let error = run(&[command, &path("events"), "--out", "set"], here).unwrap_err();
        assert!(error.contains("gem-live record --source replay:FILE"), "{command}: {error}");
    }
    let replay = format!("replay:{}", path("events"));
    let error = run(&["record", "--source", &replay, "--out", "set"], here).unwrap_err();
    assert!(error.contains("gem-live record --source replay:FILE"), "{error}");
}

#[test]
fn folders_that_lack_something_and_places_that_are_taken_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    export(&here.join("raw"), &wanted, "name,timestamp_us,exposure_us\n", named);
    let error = run(&["import", "raw", "--out", "set"], here).unwrap_err();
    assert!(error.contains("the pictures have no events: add events.csv"), "{error}");
    std::fs::create_dir_all(here.join("tiffs/images")).unwrap();
    std::fs::write(here.join("tiffs/images/a.TIFF"), b"II*\0").unwrap();
    let error = run(&["import", "tiffs", "--out", "set"], here).unwrap_err();
    assert!(error.contains("such as a.TIFF are not read: convert them to png"), "{error}");
    wanted[0].write(&here.join("tiffs/pair.npz")).unwrap();
    let error = run(&["import", "tiffs", "--out", "set"], here).unwrap_err();
    assert!(error.contains("MS-RBD pairs need no import"), "{error}");

    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    std::fs::write(here.join("raw/events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    for (source, out) in [("raw", "raw"), ("raw", "./raw/"), (".", "raw")] {
        let error = run(&["import", source, "--out", out], here).unwrap_err();
        assert!(error.contains("it is part of what is imported: give another folder"), "{error}");
    }
    assert!(!here.join("raw/manifest.json").exists());
    std::fs::write(here.join("taken"), b"").unwrap();
    wanted[0].write(&here.join("pair.npz")).unwrap();
    for command in [
        "import raw",
        "deblur pair.npz --method edi",
        "export raw",
        "record --source replay:pair.npz",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--out", "taken"]).collect();
        let error = run(&words, here).unwrap_err();
        assert!(error.contains("it is a file: give a folder"), "{command}: {error}");
    }
    run(&["import", "raw", "--out", "set"], here).unwrap();
}

#[test]
fn a_recording_that_is_named_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    for name in ["all/a", "all/b"] {
        export(&here.join(name), &wanted, "name,timestamp_us,exposure_us\n", named);
        std::fs::write(here.join(name).join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    }
    let import =
        |sources: &[&str]| run(&[&["import"][..], sources, &["--out", "set"]].concat(), here);
    for [first, second] in [["all/a", "all/a"], ["all/a", "./all/../all/a/"], ["all", "all/b"]] {
        let error = import(&[first, second]).unwrap_err();
        assert!(error.contains("name every recording once"), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(here.join("all/a"), here.join("link")).unwrap();
        let error = import(&["all/a", "link"]).unwrap_err();
        assert!(error.contains("link: it is the recording all/a, too"), "{error}");
    }
    assert!(!here.join("set").exists());
    import(&["all/a", "all/b"]).unwrap();
}
