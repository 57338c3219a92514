//! Trainings with recordings.

use super::*;

/// One training on recordings with two ratios of resolution, in two folders: crops have the same
/// image size for both. A recording with a third ratio, which was not requested, is skipped and
/// listed.
#[test]
fn recordings_of_several_folders_and_scales_train_together() {
    let folder = tempfile::tempdir().unwrap();
    let (fine, alike) = (folder.path().join("fine"), folder.path().join("alike"));
    (0..2).for_each(|i| write(&fine.join("train"), &format!("f{i}.npz"), &sized(i, 64, 2)));
    (0..2).for_each(|i| write(&alike.join("train"), &format!("a{i}.npz"), &sized(i, 48, 1)));
    write(&alike.join("train"), "other_scale.npz", &sized(9, 64, 4));
    write(&fine.join("test"), "f.npz", &sized(20, 64, 2));
    write(&alike.join("test"), "a.npz", &sized(21, 48, 1));
    let text = "train: true\nroot_path: [FINE, ALIKE]\nscale_factor: [2, 1]\nroi_size: [16, 16]\n\
                batch_size: 4\nfirst_stage_epoch: 1\nsecond_stage_cycle: 1\n\
                second_stage_epoch: 1\nwarmup_epoch: 0\nhas_gt: true\n";
    let text = text
        .replace("FINE", &fine.display().to_string())
        .replace("ALIKE", &alike.display().to_string());
    let (config, remarks) = Config::parse(&text).unwrap();
    assert!(remarks.warnings.is_empty(), "{remarks:?}");
    assert_eq!((config.scale_factor, &config.more_scales[..]), (2.0, &[1.0][..]));
    let config = Config { checkpoint_root: folder.path().join("c"), ..config };
    let run = |config: &Config, watch: &mut Steps| {
        let (config, offsets, device) = (config.clone(), Offsets::Zero, Device::Processor);
        let save_every = Duration::from_secs(3600);
        let times = EventTimes::default();
        published::run(&published::Settings { config, offsets, device, save_every, times }, watch)
    };
    let mut watch = steps(100);
    assert!(run(&config, &mut watch).unwrap());
    let messages = watch.messages.join("\n");
    assert!(messages.contains("other_scale.npz: scale factor 4 instead of 2"), "{messages}");
    assert!(messages.contains("1 of 5 recordings skipped"), "{messages}");
    // Both scales are validated, and one checkpoint is trained on both.
    let metrics = std::fs::read_to_string(folder.path().join("c/metrics.jsonl")).unwrap();
    let scores: serde_json::Value = metrics
        .lines()
        .find(|l| l.contains("validation"))
        .map(serde_json::from_str)
        .unwrap()
        .unwrap();
    let gains = scores["validation"]["gain_db"].as_array().unwrap();
    assert_eq!(gains.iter().map(|g| g[0].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    let losses = &watch.losses;
    assert!(losses.len() >= 3 && losses.iter().all(|l| l.is_finite()), "{losses:?}");
    // A ratio whose crops the network cannot process is an invalid configuration.
    let wrong = Config { more_scales: vec![3.0], checkpoint_root: "unused".into(), ..config };
    let error = run(&wrong, &mut steps(1)).unwrap_err().to_string();
    assert!(error.contains("cannot be cut at a scale of 3"), "{error}");
}

/// Recordings with ground truth are also used at smaller ratios of resolution, down to one; the
/// ground truth is reduced like the blurry image.
#[test]
fn recordings_with_ground_truth_are_used_at_random_scales() {
    let folder = tempfile::tempdir().unwrap();
    (0..2).for_each(|i| write(folder.path(), &format!("{i}.npz"), &sized(i, 128, 4)));
    let crop = Crop { events: (32, 32), scale: 4 };
    let recordings = Recordings::new(folder.path(), Some(crop)).unwrap();
    let truths = Truths { recordings, batch: 1, seed: 5 };
    let mut heights = std::collections::BTreeMap::new();
    for number in 0..40 {
        for sample in truths.batch(number).unwrap() {
            let Labelled { input, sharp } = &sample;
            assert!(input.check(EventInput::Counts).is_ok());
            assert_eq!((input.event_height, input.event_width), (32, 32));
            assert_eq!(sharp.len(), 3 * input.height * input.width);
            assert!(sharp.iter().chain(&input.blur).all(|v| (0.0..=1.0).contains(v)));
            *heights.entry(input.height).or_insert(0) += 1;
        }
        // A batch depends on its number alone.
        assert!(truths.batch(number).unwrap() == truths.batch(number).unwrap());
    }
    assert_eq!(heights.keys().copied().collect::<Vec<_>>(), [32, 64, 96, 128]);
    assert!(heights[&128] >= 15, "{heights:?}");
}

/// Known thresholds of a dataset's files come from its manifest, others from the recording; the
/// samples of every file are made with its own.
#[test]
fn recordings_are_read_with_the_thresholds_of_their_camera() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    std::fs::create_dir(&train).unwrap();
    ["a.npz", "b.npz", "c.npz"].iter().for_each(|name| write(&train, name, &pair(1)));
    let entry = |on: f64, off: f64| serde_json::json!({"source": "test", "thresholds": [on, off], "events": 800});
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [],
        "recordings": {"train/a.npz": entry(0.2, 0.2), "train/b.npz": entry(0.4, 0.1)},
    });
    std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();

    let recordings = Recordings::new(&train, None).unwrap();
    let found = FileThresholds::new(None).of_files(recordings.files());
    let sources: Vec<ContrastSource> = found.iter().map(|c| c.source).collect();
    assert_eq!(sources[..2], [ContrastSource::Known; 2]);
    // Random events contain nothing about the thresholds.
    assert_eq!(sources[2], ContrastSource::Default);
    assert_eq!(found[1].thresholds, Thresholds { on: 0.4, off: 0.1 });
    let given = FileThresholds::new(Some(Thresholds::both(0.3))).of_files(recordings.files());
    assert!(given.iter().all(|c| c.source == ContrastSource::Set && c.thresholds.on == 0.3));

    let thresholds = found.iter().map(|c| c.thresholds).collect();
    let recordings =
        recordings.reading(EventInput::Prior, Thresholds::DEFAULT).with_thresholds(thresholds);
    let sample = |number| recordings.labelled(number, &[1]).unwrap().input;
    let sums = |input: Input| -> [f32; 2] {
        let area = input.event_height * input.event_width;
        let mut sums = [0.0; 2];
        for (channel, values) in input.events.chunks_exact(area).take(CHANNELS).enumerate() {
            sums[channel % 2] += values.iter().sum::<f32>();
        }
        sums
    };
    let (a, b, c) = (sums(sample(0)), sums(sample(1)), sums(sample(2)));
    let mut ratios = [b[0] / a[0], b[1] / a[1]];
    ratios.sort_by(f32::total_cmp);
    assert!((ratios[0] - 0.5).abs() < 1e-4 && (ratios[1] - 2.0).abs() < 1e-4, "{ratios:?}");
    assert_eq!(a, c);
}

/// Sharp images on another clock are not learned from; where none is needed, they do no harm, and neither
/// does a single one between the exposures.
#[test]
fn sharp_images_on_another_clock_are_skipped_only_where_they_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, change: &dyn Fn(&mut Vec<i64>)| {
        let mut pair = sized(1, 64, 2);
        let truth = pair.truth.as_mut().unwrap();
        let (image, [[start1, end1], [start2, _]]) = (truth.images[0].clone(), pair.exposures_us);
        truth.timestamps_us = vec![start1, (start1 + end1) / 2, end1, start2];
        change(&mut truth.timestamps_us);
        truth.images = vec![image; truth.timestamps_us.len()];
        write(folder.path(), name, &pair);
    };
    let [[_, end1], [start2, _]] = sized(1, 64, 2).exposures_us;
    assert!(start2 - end1 > 4, "there is no time between the exposures");
    with("0_between.npz", &|times| times.push((end1 + start2) / 2));
    with("1_clock.npz", &|times| times.iter_mut().for_each(|t| *t += 1_000_000_000));
    let crop = Crop { events: (16, 16), scale: 2 };
    let recordings = Recordings::new(folder.path(), Some(crop)).unwrap();
    assert!((0..2).all(|number| recordings.unlabelled(number, &[1]).is_some()));
    assert!((0..20).all(|key| recordings.labelled(0, &[key]).is_some()));
    assert_eq!(recordings.skipped_count(), 0);
    assert!(recordings.labelled(1, &[1]).is_none());
    let why = recordings.skipped().into_values().next().unwrap();
    assert!(why.contains("4 of 4 sharp images lie outside the exposures"), "{why}");
}

/// Each file has its own camera here; an adaptation must not use one camera's thresholds for all.
#[test]
fn an_adaptation_uses_the_thresholds_of_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    std::fs::create_dir(&train).unwrap();
    let mut recordings = serde_json::Map::new();
    for i in 0..4_u64 {
        write(&train, &format!("{i}.npz"), &pair(i));
        let threshold = 0.1 * (i + 1) as f64;
        let entry = serde_json::json!({"source": "test", "thresholds": [threshold, threshold], "events": 800});
        recordings.insert(format!("train/{i}.npz"), entry);
    }
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [], "recordings": recordings,
    });
    std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    let layout = Net::layout(EventInput::Prior);
    let weights = layout.weights(&layout.initial(3)).unwrap();
    let settings = adapt::Settings {
        time: Duration::from_secs(3600),
        batch: 2,
        side: 32,
        ..adapt::Settings::default()
    };
    let mut watch = steps(1);
    adapt(&train, &weights, settings, &mut watch).unwrap();
    let messages = watch.messages.join("\n");
    let found = "contrast thresholds 0.10 to 0.40 (known of 4 files, estimated of 0)";
    assert!(messages.contains(found), "{messages}");
}
