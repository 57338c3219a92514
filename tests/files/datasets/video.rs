//! `gem-live synth video`.

use super::*;

#[test]
fn frames_become_means_truth_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Two pairs of 2 * 5 frames, each with one frame before and one after it, and two extra frames.
    let given = frames(&here.join("moving"), 26);
    std::fs::create_dir_all(here.join("spoilt")).unwrap();
    for (k, frame) in given.iter().enumerate() {
        save(frame, &here.join(format!("spoilt/{k}.png")));
    }
    std::fs::write(here.join("spoilt/3.png"), b"not a picture").unwrap();
    let arguments =
        ["synth", "video", "moving", "spoilt", "gone.mp4", "--out", "set", "--fps", "1000"];
    let more = [
        "--interpolate",
        "1",
        "--average",
        "5",
        "--truths",
        "3",
        "--scale",
        "2",
        "--gap",
        "0",
        "--into",
        "test",
    ];
    let printed = run(&[&arguments[..], &more[..]].concat(), here).unwrap();
    assert!(
        printed.contains("3 recordings in set (0 from earlier runs), 4 inputs skipped"),
        "{printed}"
    );
    assert!(printed.contains("moving: the last 2 frames"), "{printed}");
    assert!(printed.contains("spoilt/3.png") && printed.contains("pair 0 is skipped"), "{printed}");
    assert!(printed.contains("gone.mp4"), "{printed}");
    let pair = Pair::read(&here.join("set/test/moving_0001.npz")).unwrap();
    // The second pair's frames are 13 to 22; half an interval is 500 us.
    assert_eq!(pair.exposures_us, [[12_500, 17_500], [17_500, 22_500]]);
    let truth = pair.truth.as_ref().unwrap();
    assert_eq!(truth.timestamps_us, [13_000, 15_000, 17_000, 18_000, 20_000, 22_000]);
    assert!(truth.images[0] == given[13] && truth.images[5] == given[22]);
    for (i, stored) in pair.frames[0].data().iter().enumerate() {
        let mean = (13..18).map(|k| f64::from(given[k].data()[i])).sum::<f64>() / 5.0;
        assert!((mean - f64::from(*stored)).abs() < 0.51, "sample {i}: {stored} for {mean}");
    }
    assert!(pair.events.len() > 100, "{} events", pair.events.len());
    let known = manifest(&here.join("set"));
    let on = known["recordings"]["test/moving_0001.npz"]["thresholds"][0].as_f64().unwrap();
    assert!((0.15..=0.25).contains(&on), "threshold {on}");
    // A valid pair does not depend on damage in another.
    let same = |n: &str| std::fs::read(here.join("set/test").join(n)).unwrap();
    let (a, b) = (
        Pair::from_bytes(&same("moving_0001.npz")).unwrap().frames,
        Pair::from_bytes(&same("spoilt_0001.npz")).unwrap().frames,
    );
    assert!(a == b);
}

#[test]
fn without_ffmpeg_the_input_that_needs_it_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film.mkv"), b"no video").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["synth", "video", "film.mkv", "--out", "set"])
        .env("PATH", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(printed.contains("film.mkv: ffprobe cannot be started"), "{printed}");
    assert!(printed.contains("install ffmpeg"), "{printed}");
}

#[test]
#[ignore = "needs ffmpeg"]
fn tools_videos_are_read_and_interpolated_by_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let given = frames(&here.join("frames"), 14);
    let encode = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-framerate",
            "50",
            "-i",
            "frames/%d.png",
            "-c:v",
            "ffv1",
            "film.mkv",
        ])
        .current_dir(here)
        .status();
    assert!(encode.is_ok_and(|s| s.success()), "ffmpeg is not installed");
    std::fs::write(here.join("broken.mkv"), b"no video").unwrap();
    let arguments = ["synth", "video", "film.mkv", "frames", "broken.mkv", "--out", "set"];
    let more = [
        "--interpolate",
        "2",
        "--average",
        "7",
        "--truths",
        "4",
        "--scale",
        "2",
        "--gap",
        "1",
        "--into",
        "train",
    ];
    let printed = run(&[&arguments[..], &more[..]].concat(), here).unwrap();
    assert!(printed.contains("2 recordings in set"), "{printed}");
    assert!(printed.contains("broken.mkv"), "{printed}");
    // 50 frames per second, twice as many after interpolation: 7 of them are 70 ms.
    let pair = Pair::read(&here.join("set/train/film_0000.npz")).unwrap();
    assert_eq!(pair.exposures_us, [[15_000, 85_000], [95_000, 165_000]]);
    assert_eq!(pair.truth.unwrap().images.len(), 8);
    // Frames in a folder are assumed to be at 120 frames per second.
    let pair = Pair::read(&here.join("set/train/frames_0000.npz")).unwrap();
    assert_eq!(pair.exposures_us[0], [6_250, 35_417]);
    let frame = |pair: &Pair, k: usize| pair.truth.as_ref().unwrap().images[k].clone();
    // Every second frame is an original one, up to the conversion for interpolation: frame 2 after
    // it was frame 1 before.
    let difference = |a: &ImageU8, b: &ImageU8| {
        let sum: u64 = a.data().iter().zip(b.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.data().len() as f64
    };
    for (k, original) in [(0, 1), (1, 2), (4, 5), (7, 8)] {
        let error = difference(&frame(&pair, k), &given[original]);
        assert!(error < 1.0, "truth {k} differs from frame {original} by {error}");
        assert!(difference(&frame(&pair, k), &given[original + 1]) > 3.0);
    }
    assert!(frame(&pair, 0) != frame(&pair, 1), "interpolation repeats one frame");
}
