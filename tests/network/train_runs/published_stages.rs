//! The published training.

use super::*;

#[test]
fn the_published_stages_finish_name_checkpoints_and_list_skipped_files() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    (0..3).for_each(|i| write(&train, &format!("good{i}.npz"), &pair(i)));
    write_bad(&train);

    write(&folder.path().join("test"), "held.npz", &pair(20));

    let settings = |checkpoints: &str| published::Settings {
        config: config(folder.path(), &folder.path().join(checkpoints)),
        offsets: Offsets::Zero,
        device: Device::Processor,
        save_every: Duration::from_secs(3600),
        times: EventTimes::default(),
    };
    let mut watch = steps(1000);
    assert!(published::run(&settings("a"), &mut watch).unwrap());
    // After the last epoch of the first stage, and of both cycles.
    assert_eq!(watch.validations, 3);
    let pictures = std::fs::read_dir(folder.path().join("a/validation")).unwrap();
    assert_eq!(pictures.count(), 3);
    for (bad, _) in BAD {
        assert!(watch.messages.iter().any(|s| s.contains("skipped") && s.contains(bad)), "{bad}");
    }
    assert!(watch.messages.iter().any(|s| s.contains("4 of 7")), "{:?}", watch.messages);
    for (stage, cycle) in [(1, 0), (2, 1), (2, 2)] {
        let read = Config { load_stage: stage, load_cycle: cycle, ..settings("a").config };
        let path = read.checkpoint().unwrap().unwrap();
        let weights = Weights::from_bytes(&std::fs::read(&path).unwrap());
        assert!(weights.is_ok(), "{}", path.display());
        let beginning = format!("best-stage={stage}-cycle={cycle:02}-epoch=");
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with(&beginning) && name.contains("-loss="), "{name}");
        assert!(name.ends_with(".ckpt"), "{name}");
        let all = std::fs::read_dir(folder.path().join("a")).unwrap();
        let same = |e: &std::fs::DirEntry| e.file_name().to_string_lossy().starts_with(&beginning);
        assert_eq!(all.filter_map(Result::ok).filter(same).count(), 1, "only the best is kept");
    }
    // The same training, stopped after every step: the last state must be bit-exactly the same.
    for _ in 0..100 {
        if published::run(&settings("b"), &mut steps(1)).unwrap() {
            break;
        }
    }
    let end = |checkpoints: &str| {
        State::read(&folder.path().join(checkpoints).join("state.safetensors"), EventInput::Counts)
            .unwrap()
    };
    let (a, b) = (end("a"), end("b"));
    assert!(a.adam == b.adam && a.teacher == b.teacher, "the parameters differ");
    assert_eq!(a.position.best_file, b.position.best_file);
}

#[test]
fn without_recordings_for_testing_the_published_stages_run_and_validate_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    (0..2).for_each(|i| write(&train, &format!("{i}.npz"), &pair(i)));
    // As `synth stills --test 0` leaves it.
    std::fs::create_dir(folder.path().join("test")).unwrap();
    let short = config(folder.path(), &folder.path().join("out"));
    let settings = published::Settings {
        config: Config { first_stage_epoch: 1, second_stage_cycle: 1, ..short },
        offsets: Offsets::Zero,
        device: Device::Processor,
        save_every: Duration::from_secs(3600),
        times: EventTimes::default(),
    };
    let mut watch = steps(1000);
    assert!(published::run(&settings, &mut watch).unwrap());
    assert_eq!(watch.validations, 0);
    let messages = &watch.messages;
    assert!(messages.iter().any(|m| m.contains("no recording to validate on")), "{messages:?}");
}
