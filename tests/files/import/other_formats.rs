//! HighREV, HS-ERGB and BS-ERGB, HDF5, bags and MCAP files.

use super::npz_formats::highrev_files;
use super::*;

/// An npz file of events.
fn event_file(path: &Path, events: &[Event], swapped: bool, steps: u16) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let shape = [events.len(), 1];
    let numbers = |f: &dyn Fn(&Event) -> i64| {
        let bytes: Vec<u8> = events.iter().flat_map(|e| f(e).to_le_bytes()).collect();
        npy::write("<i8", &shape, &bytes)
    };
    let (x, y) = if swapped { ("y", "x") } else { ("x", "y") };
    let file = npz::write(&[
        (x, numbers(&|e| i64::from(e.x * steps))),
        (y, numbers(&|e| i64::from(e.y * steps))),
        ("timestamp", numbers(&|e| e.t_us)),
        ("polarity", numbers(&|e| i64::from(e.polarity))),
    ]);
    std::fs::write(path, file.unwrap()).unwrap();
}

/// Writes frames as HighREV has them, with those of their events that are kept.
fn write_highrev(val: &Path, wanted: &[Pair], swapped: bool, keep: impl Fn(usize, &Event) -> bool) {
    highrev_files(val, wanted, |file, k, events| {
        let events: Vec<Event> = events.iter().filter(|e| keep(k, e)).copied().collect();
        event_file(file, &events, swapped, 1);
    });
}

#[test]
fn highrev_with_exchanged_coordinates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // The first picture's events would lie within the sensor.
    let keep = |k: usize, e: &Event| k > 0 || usize::from(e.x) < SIZE.height;
    write_highrev(&here.join("val"), &pairs(), false, keep);
    let error = run(&["import", "val", "--out", "set"], here).unwrap_err();
    assert!(error.contains("x and y are exchanged"), "{error}");
    assert!(error.contains("exchange the arrays") && error.contains("reach 32x48"), "{error}");
}

#[test]
fn highrev_equals_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    write_highrev(&here.join("val"), &wanted, true, |_, _| true);
    let printed = run(&["import", "val", "--out", "set"], here).unwrap();
    same(&imported(&here.join("set")), &wanted, "HighREV");
    restored_alike(here, "set", &wanted);
    assert!(printed.contains("x and y of events are exchanged"), "{printed}");
    assert!(here.join("set/test/desk_00001.npz").exists());
}

#[test]
fn time_lens_datasets_equal_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    for (name, steps) in [("hs", 1), ("bs", 32)] {
        let sequence = here.join(name).join("scene");
        let mut times = String::new();
        for (k, (blurry, [start, _], _)) in frames(&wanted).iter().enumerate() {
            save(blurry, &sequence.join(format!("images/{k:06}.png")));
            times += &format!("{start}\n");
        }
        std::fs::write(sequence.join("images/timestamp.txt"), times).unwrap();
        for (k, pair) in wanted.iter().enumerate() {
            let file = sequence.join(format!("events/{k:06}.npz"));
            event_file(&file, &pair.events, false, steps);
        }
        let set = format!("set-{name}");
        assert!(run(&["import", name, "--out", &set], here).unwrap_err().contains("--exposure-us"));
        let printed =
            run(&["import", name, "--out", &set, "--exposure-us", "12000"], here).unwrap();
        same(&imported(&here.join(&set)), &blurry(&wanted), name);
        restored_alike(here, &set, &blurry(&wanted));
        assert_eq!(printed.contains("32nds of a pixel"), steps == 32, "{printed}");
        // Averaged, as `synth real-events` does: one pair of twice two frames.
        let average = ["--average", "2", "--truths", "2"];
        let mean = format!("mean-{name}");
        run(&[&["import", name, "--out", &mean][..], &average].concat(), here).unwrap();
        let made = imported(&here.join(&mean));
        assert_eq!((made.len(), made[0].truth.as_ref().unwrap().images.len()), (1, 4));
        // Exposures reach half an interval beyond the first and the last frame.
        assert_eq!(made[0].exposures_us, [[990_000, 1_030_000], [1_030_000, 1_070_000]]);
        let within = events(&wanted).iter().filter(|e| e.t_us < 1_070_000).count();
        assert_eq!(made[0].events.len(), within, "{name}");
        // With the same options.
        let late = format!("late-{name}");
        let options = [&average[..], &["--event-offset-us", "5"]].concat();
        run(&[&["import", name, "--out", &late][..], &options].concat(), here).unwrap();
        assert_eq!(imported(&here.join(&late))[0].events[0].t_us, made[0].events[0].t_us + 5);
    }
}

#[test]
fn events_in_seconds_are_recognised_in_npz_files() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let sequence = here.join("hs/scene");
    let mut times = String::new();
    for (k, (blurry, [start, _], _)) in frames(&wanted).iter().enumerate() {
        save(blurry, &sequence.join(format!("images/{k:06}.png")));
        times += &format!("{:.6}\n", *start as f64 / 1e6);
    }
    std::fs::write(sequence.join("images/timestamp.txt"), times).unwrap();
    std::fs::create_dir_all(sequence.join("events")).unwrap();
    for (k, pair) in wanted.iter().enumerate() {
        let column = |f: &dyn Fn(&Event) -> f64| {
            let bytes: Vec<u8> = pair.events.iter().flat_map(|e| f(e).to_le_bytes()).collect();
            npy::write("<f8", &[pair.events.len()], &bytes)
        };
        let file = npz::write(&[
            ("x", column(&|e| f64::from(e.x))),
            ("y", column(&|e| f64::from(e.y))),
            ("timestamp", column(&|e| e.t_us as f64 / 1e6)),
            ("polarity", column(&|e| f64::from(u8::from(e.polarity)))),
        ]);
        std::fs::write(sequence.join(format!("events/{k:06}.npz")), file.unwrap()).unwrap();
    }
    let printed = run(&["import", "hs", "--out", "set", "--exposure-us", "12000"], here).unwrap();
    same(&imported(&here.join("set")), &blurry(&wanted), "seconds");
    assert!(printed.contains("times of events in s (guessed)"), "{printed}");
    // The recipe that averages frames expects microseconds, and names the option.
    let mean = ["import", "hs", "--out", "mean", "--average", "2", "--truths", "2"];
    let error = run(&mean, here).unwrap_err();
    assert!(error.contains("in seconds?") && error.contains("--frame-unit s"), "{error}");
    run(&[&mean[..], &["--frame-unit", "s"]].concat(), here).unwrap();
    assert_eq!(imported(&here.join("mean"))[0].exposures_us[0], [990_000, 1_030_000]);
}

/// Fixtures by the formats' own libraries, as far as h5py, rosbags and mcap are installed.
fn fixtures(folder: &Path, pairs: &[Pair], options: &[&str]) -> PathBuf {
    for (i, pair) in pairs.iter().enumerate() {
        pair.write(&folder.join(format!("pairs/{i}.npz"))).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/make_import_fixtures.py");
    let (from, to) = (folder.join("pairs"), folder.join("fixtures"));
    let mut python = Command::new("python3");
    let made = python.arg(script).args([&from, &to]).args(options).output().unwrap();
    print!("{}", String::from_utf8_lossy(&made.stdout));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    to
}

#[test]
#[ignore = "needs python3 with numpy, and h5py, rosbags and mcap for their formats"]
fn tools_hdf5_bags_and_mcap_equal_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let made = fixtures(here, &wanted, &[]);
    let plain = blurry(&wanted);
    let cases = [
        ("efnet.h5", &wanted, "cut off to the sensor's 48x32"),
        ("none.bag", &plain, "exposure times of /dvs/exposure"),
        ("bz2.bag", &plain, "frames of /dvs/image_raw, events of /dvs/events"),
        ("lz4.bag", &plain, "ROS 1 bag"),
        ("dvs_zstd.mcap", &plain, "MCAP, 4 frames"),
        ("evt3_lz4.mcap", &plain, "900000 us are added"),
        ("mono.mcap", &plain, "900000 us are added"),
    ];
    let mut compared = 0;
    for (file, wanted, remark) in cases {
        if !made.join(file).exists() {
            println!("skipped: {file} was not made");
            continue;
        }
        compared += 1;
        let path = made.join(file).display().to_string();
        let printed = run(&["import", &path, "--out", file], here).unwrap();
        same(&imported(&here.join(file)), wanted, file);
        restored_alike(here, file, wanted);
        assert!(printed.contains(remark), "{file}: {printed}");
        let set = format!("stated-{file}");
        let printed = run(&["import", &path, "--out", &set, "--exposure-us", "9"], here).unwrap();
        same(&imported(&here.join(&set)), wanted, file);
        assert!(printed.contains("not used: --exposure-us: "), "{file}: {printed}");
        // Cut off in the middle: an error or what is left, never a panic or a wrong result.
        let bytes = std::fs::read(&path).unwrap();
        let cut = format!("cut-{file}");
        std::fs::write(here.join(&cut), &bytes[..bytes.len() / 2]).unwrap();
        let set = format!("{cut}-set");
        match run(&["import", &cut, "--out", &set], here) {
            Ok(printed) => assert!(printed.contains("cut off"), "{file}: {printed}"),
            Err(error) => assert!(error.contains(&cut), "{file}: {error}"),
        }
    }
    if compared == 0 {
        println!("skipped: none of h5py, rosbags and mcap is installed");
    }
}

#[test]
#[ignore = "needs python3 with numpy and h5py"]
fn tools_hdf5_with_polarities_1_and_2_is_read_and_with_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = pairs();
    for convention in ["counted", "unknown"] {
        let here = folder.path().join(convention);
        let file = fixtures(&here, &wanted, &[convention]).join("efnet.h5");
        if !file.exists() {
            println!("skipped: {} was not made", file.display());
            return;
        }
        let made = run(&["import", file.to_str().unwrap(), "--out", "set"], &here);
        if convention == "counted" {
            let printed = made.unwrap();
            assert!(printed.contains("polarities 1 and 2 taken as OFF and ON"), "{printed}");
            same(&imported(&here.join("set")), &wanted, convention);
        } else {
            let error = made.unwrap_err();
            assert!(
                error.contains("efnet.h5: events/ps: 508 of 508 polarities are not"),
                "{error}"
            );
        }
    }
}

#[test]
#[ignore = "needs python3 with numpy, and h5py, rosbags and mcap for their formats"]
fn tools_hdf5_bags_and_mcap_with_exchanged_coordinates_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = fixtures(here, &pairs(), &["exchanged"]);
    let mut compared = 0;
    for file in ["efnet.h5", "none.bag", "dvs_zstd.mcap", "evt3_lz4.mcap"] {
        if !made.join(file).exists() {
            println!("skipped: {file} was not made");
            continue;
        }
        compared += 1;
        let path = made.join(file).display().to_string();
        let error = run(&["import", &path, "--out", file], here).unwrap_err();
        assert!(error.contains("x and y are exchanged"), "{file}: {error}");
        assert!(!here.join(file).join("test.yaml").exists(), "{file}");
    }
    if compared == 0 {
        println!("skipped: none of h5py, rosbags and mcap is installed");
    }
}

#[test]
#[ignore = "needs python3 with numpy and h5py"]
fn tools_hdf5_with_events_out_of_order_or_of_unequal_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, why) in [("unordered", "come after a later one"), ("unequal", "differ in length")] {
        let here = folder.path().join(mode);
        let file = fixtures(&here, &pairs(), &[mode]).join("efnet.h5");
        if !file.exists() {
            println!("skipped: {} was not made", file.display());
            return;
        }
        let error = run(&["import", file.to_str().unwrap(), "--out", "set"], &here).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
