//! Events that do not belong to their exposures, through the commands that read recordings.

use super::*;
use gem_live::sequence::GroundTruth;

/// The pair with other times of its events.
fn timed(time: impl Fn(i64) -> i64) -> Pair {
    let mut pair = pair();
    pair.events.iter_mut().for_each(|e| e.t_us = time(e.t_us));
    pair
}

const UNIX_US: i64 = 1_700_000_000_000_000;

/// The pair whose exposures are counted from 1970, and its events from zero.
fn unix() -> Pair {
    let exposures_us = pair().exposures_us.map(|e| e.map(|t| t + UNIX_US));
    Pair { exposures_us, ..pair() }
}

/// The bytes of a restored picture.
fn picture(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn events_on_another_clock_are_named_and_corrected() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    pair().write(&here.join("plain.npz")).unwrap();
    let text = succeeds(here, &format!("deblur plain.npz --out plain --strict {EDI}"));
    assert!(!text.contains("gem-live:"), "{text}");
    let plain = picture(here, "plain/plain_1_0.500.png");
    let unix_offset = format!("--time-offset {UNIX_US}");
    let cases = [
        ("ns", timed(|t| t * 1000), "nanoseconds", "--time-unit ns"),
        ("ms", timed(|t| t / 1000), "milliseconds", "--time-unit ms"),
        ("s", timed(|_| 0), "seconds", "--time-unit s"),
        ("unix", unix(), "counted from zero, exposures from 1970", unix_offset.as_str()),
    ];
    for (name, pair, cause, option) in cases {
        pair.write(&here.join(format!("{name}.npz"))).unwrap();
        let command = format!("deblur {name}.npz --out {name} {EDI}");
        let text = succeeds(here, &command);
        let line = text.lines().find(|l| l.starts_with("gem-live:")).unwrap_or_default();
        assert!(line.contains(&format!("{name}.npz: ")) && line.contains(cause), "{text}");
        assert!(line.contains("1050 events lie from") && line.contains(option), "{text}");
        let text = fails(here, &format!("{command} --strict"));
        assert!(text.contains(cause) && text.contains("1 of 1 inputs failed"), "{text}");
        if name == "s" {
            // Whole seconds: the file has lost the times.
            continue;
        }
        let text = succeeds(here, &format!("{command} --strict {option}"));
        assert!(!text.contains("gem-live:"), "{text}");
        if ["ns", "unix"].contains(&name) {
            // Exactly the events of the plain file: no time was rounded.
            assert!(picture(here, &format!("{name}/{name}_1_0.500.png")) == plain, "{name}");
        }
    }
}

#[test]
fn whole_milliseconds_of_all_times_and_of_a_long_recordings_events_are_named() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut all = timed(|t| t / 1000);
    all.exposures_us = all.exposures_us.map(|exposure| exposure.map(|t| t / 1000));
    all.write(&here.join("all.npz")).unwrap();
    // The events of minutes beside exposures at their start.
    let mut long = pair();
    let later = |n: i64| {
        // Every second time the other way, so that brightness stays in its range.
        let at = move |e: Event| {
            let polarity = e.polarity ^ (n % 2 == 1);
            Event { t_us: (e.t_us + n * 42_000) / 1000, polarity, ..e }
        };
        pair().events.into_iter().map(at)
    };
    long.events = (0..1000).flat_map(later).collect();
    long.write(&here.join("long.npz")).unwrap();
    for (name, cause) in [("all", "are all times in milliseconds?"), ("long", "--time-unit ms")] {
        let command = format!("deblur {name}.npz --out {name} {EDI}");
        let text = succeeds(here, &command);
        let line = text.lines().find(|l| l.starts_with("gem-live:")).unwrap_or_default();
        assert!(line.contains("events lie from 0 us to") && line.contains("exposures from"));
        assert!(line.contains("more than a sensor of 16x16") && line.contains(cause), "{text}");
        let text = fails(here, &format!("{command} --strict"));
        assert!(text.contains(cause) && text.contains("1 of 1 inputs failed"), "{text}");
    }
}

#[test]
#[ignore = "needs ../shared/cases: a recording that another program has written"]
fn shared_events_in_seconds_of_a_reported_file_are_corrected() {
    let seconds = shared("cases/npz-events-of-another-clock/t_ev_seconds_only.npz");
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let out = here.join("seconds");
    let run = |more: &[&str]| {
        let mut command = program(here);
        command.arg("deblur").arg(&seconds).arg("--out").arg(&out).args(EDI.split(' ')).args(more);
        command.output().unwrap()
    };
    assert!(printed(&run(&[])).contains("--time-unit s"), "{}", printed(&run(&[])));
    let repaired = run(&["--time-unit", "s", "--strict"]);
    assert!(repaired.status.success(), "{}", printed(&repaired));
}

#[test]
fn many_files_with_one_fault_are_named_a_few_times_and_counted() {
    let here = tempfile::tempdir().unwrap();
    for i in 0..8 {
        unix().write(&here.path().join(format!("in/{i}.npz"))).unwrap();
    }
    let text = succeeds(here.path(), &format!("deblur in --out out {EDI}"));
    assert_eq!(text.matches("no events during").count(), 5, "{text}");
    assert!(text.contains("8 recordings with events at other times"), "{text}");
}

#[test]
fn a_wrong_scale_factor_is_named() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let wrong = Pair { scale_factor: 1.0, ..pair() };
    wrong.write(&here.join("data/test/wrong.npz")).unwrap();
    let text = succeeds(here, &format!("deblur data/test/wrong.npz --out out {EDI}"));
    assert!(text.contains("no event lies beyond (15, 15) of the 32x32 sensor"), "{text}");
    // Between two whole numbers, which no other check finds.
    let between = Pair { scale_factor: 1.5, ..pair() };
    between.write(&here.join("between.npz")).unwrap();
    let command = format!("deblur between.npz --out between {EDI}");
    let text = succeeds(here, &command);
    assert!(text.contains("the scale_factor is 1.5") && text.contains("scale_factor 2?"), "{text}");
    assert!(fails(here, &format!("{command} --strict")).contains("scale_factor 2?"));
    let config = "root_path: data\nscale_factor: 2\nhas_gt: false\npredict_ts: 0.5\n\
                  save_path: r\nload_dir: null\n";
    std::fs::write(here.join("test.yaml"), config).unwrap();
    let text = succeeds(here, "test --config test.yaml --engine cpu");
    assert!(text.contains("1 in the file and 2 in the configuration"), "{text}");
    assert!(text.contains("weights: built in"), "{text}");
    // There is no ground truth, and so there are no scores.
    assert!(here.join("r/Result/wrong_000.png").exists() && !here.join("r/results.json").exists());
    let text = fails(here, "test --config test.yaml --engine cpu --strict");
    assert!(text.contains("1 of 1 recordings failed"), "{text}");
}

#[test]
fn recordings_are_checked_when_they_are_played_trained_on_and_exported() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    unix().write(&here.join("in/train/a.npz")).unwrap();
    let cause = "events counted from zero";
    let live = "live --headless --engine none --seconds 1 --source replay:in";
    assert!(succeeds(here, live).contains(cause));
    assert!(fails(here, &format!("{live} --strict")).contains(cause));
    let record = "record --source replay:in --frames 2 --timeout 3 --out out";
    let text = succeeds(here, record);
    assert!(text.contains(cause), "{text}");
    // The events could not be recorded, which is reported too.
    assert!(text.contains("1050 events (of another time than the exposures)"), "{text}");
    std::fs::remove_dir_all(here.join("out")).unwrap();
    assert!(fails(here, &format!("{record} --strict")).contains(cause));
    assert!(!here.join("out").exists());
    let text = succeeds(here, &format!("{record} --time-offset {UNIX_US}"));
    assert!(!text.contains("of another time") && !text.contains(cause), "{text}");
    let recorded = Pair::read(&here.join("out/scene_00000.npz")).unwrap();
    assert_eq!(recorded.events.len(), 1050);
    assert!(fails(here, "adapt in --minutes 0.01 --strict").contains(cause));
    let train = "train --recordings in --out run --steps 1 --strict";
    assert!(fails(here, train).contains(cause));
    assert!(succeeds(here, "export in --out data --test-fraction 0").contains(cause));
    assert!(fails(here, "export in --out strict --strict").contains(cause));
    assert!(!here.join("strict").exists());
    let repaired = format!("export in --out repaired --strict --time-offset {UNIX_US}");
    succeeds(here, &format!("{repaired} --test-fraction 0"));
    let exported = Pair::read(&here.join("repaired/train/in_a.npz")).unwrap();
    assert_eq!(exported.findings(), []);
    let text = printed(&gem_live(here, "record --source sim --time-unit ns --out x"));
    assert!(text.contains("--time-unit has no effect with a camera"), "{text}");
}

#[test]
fn sharp_images_between_the_exposures_are_left_out_of_scores_and_do_not_matter_to_deblur() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let sharp = |timestamps_us: &[i64]| {
        let images = vec![pair().frames[0].clone(); timestamps_us.len()];
        let truth = Some(GroundTruth { images, timestamps_us: timestamps_us.to_vec() });
        Pair { truth, ..pair() }
    };
    sharp(&[10_000, 21_000, 32_000]).write(&here.join("data/test/a.npz")).unwrap();
    let text = succeeds(here, &format!("deblur data --out out --strict {EDI}"));
    assert!(!text.contains("sharp images"), "{text}");
    let config = "root_path: data\nscale_factor: 2\nhas_gt: true\npredict_ts: null\n\
                  save_path: r\nload_dir: null\n";
    std::fs::write(here.join("test.yaml"), config).unwrap();
    let test = "test --config test.yaml --engine cpu --strict";
    let text = succeeds(here, test);
    assert!(text.contains("1 sharp images were not taken during an exposure"), "{text}");
    assert!(text.contains("mean of 2"), "{text}");
    // The others keep their numbers.
    let names: Vec<bool> =
        (0..3).map(|i| here.join(format!("r/Result/a_00{i}.png")).exists()).collect();
    assert_eq!(names, [true, false, true]);
    // Times in another unit are an error.
    sharp(&[10, 20, 32]).write(&here.join("data/test/a.npz")).unwrap();
    assert!(fails(here, test).contains("3 sharp images within a moment"));
    sharp(&[10_000_000, 21_000_000, 32_000_000]).write(&here.join("data/test/a.npz")).unwrap();
    assert!(fails(here, test).contains("3 of 3 sharp images lie outside the exposures"));
    let text = fails(here, "test --config test.yaml --engine cpu");
    assert!(text.contains("none of its sharp images was taken during an exposure"), "{text}");
}
