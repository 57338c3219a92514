//! Hostile and damaged files: an error or a usable result, never a panic, and nothing outside the
//! folder is read or removed. Each input of `shared/hostile` that a reader here concerns is tried,
//! and some thousand mutations of valid files of every format.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

pub mod mutated;

use crate::common::shared;
use gem_live::event::Event;
use gem_live::formats::config::Config;
use gem_live::image::{ImageU8, Size};
use gem_live::network::Weights;
use gem_live::sequence::{GroundTruth, MANIFEST, Manifest, Pair, THUMBNAIL, catalog};

fn small() -> Pair {
    let size = Size::new(32, 16);
    let picture = |seed: usize| {
        ImageU8::new(3, size, (0..3 * size.area()).map(|i| (i * 7 + seed) as u8).collect()).unwrap()
    };
    let events = (0..60_i64).map(|i| Event {
        t_us: i * 40,
        x: (i % 16) as u16,
        y: (i % 8) as u16,
        polarity: i % 2 == 0,
    });
    Pair {
        frames: [picture(0), picture(1)],
        exposures_us: [[0, 1_000], [1_500, 2_500]],
        events: events.collect(),
        scale_factor: 2.0,
        truth: Some(GroundTruth { images: vec![picture(2)], timestamps_us: vec![500] }),
    }
}

#[test]
#[ignore = "needs ../shared/hostile: damaged recordings, weights and configurations, 4 MB"]
fn shared_the_hostile_files_are_refused_or_read() {
    let folder = shared("hostile");
    let refused = |name: &str| {
        let error = Pair::read(&folder.join(name)).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.len() < 1000, "{name}: {error}");
        error
    };
    assert!(refused("events_shared_900mb.npz").contains("events"));
    assert!(refused("scale_8192.npz").contains("scale_factor"));
    for name in ["npy_1e12.npz", "npy_hdrlen4g.npz", "npy_neg.npz", "npy_ovf.npz"] {
        refused(name);
    }
    for name in
        ["npy_many.npz", "npy_sharp1e12.npz", "npy_u64.npz", "npy_zero.npz", "pickle_refs.npz"]
    {
        let _ = Pair::read(&folder.join(name));
    }
    for name in
        ["times_pair_day.npz", "times_pair_early.npz", "times_pair_late.npz", "times_pair_wide.npz"]
    {
        if let Ok(pair) = Pair::read(&folder.join(name)) {
            let _ = gem_live::train::recordings::fault(&pair, None);
        }
    }
    for name in ["ckpt_stack_global.ckpt", "ckpt_shared_storage.ckpt"] {
        assert!(Weights::read(&folder.join(name)).is_err(), "{name}");
    }
    for name in ["deep", "gap", "len263", "len_max", "overlap", "shape_ovf"] {
        assert!(Weights::read(&folder.join(format!("st_{name}.safetensors"))).is_err(), "{name}");
    }
    for name in ["deep.yaml", "deep2.yaml"] {
        let error = Config::read(&folder.join(name)).unwrap_err().to_string();
        assert!(error.contains("nested more than 64 levels"), "{name}: {error}");
    }
    for name in ["laughs.yaml", "nums.yaml"] {
        let _ = Config::read(&folder.join(name));
    }
}

#[test]
#[ignore = "needs ../shared/hostile: manifests with counts at the limits"]
fn shared_manifests_with_counts_at_the_limits_are_read_or_refused() {
    let hostile = shared("hostile");
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("scene");
    small().write(&folder.join("scene_00000.npz")).unwrap();
    for found in std::fs::read_dir(hostile.join("panics/session")).unwrap() {
        std::fs::write(folder.join(MANIFEST), std::fs::read(found.unwrap().path()).unwrap())
            .unwrap();
        let sequence = catalog::read(&folder).unwrap();
        let _ = (sequence.lost_frames(), sequence.date(), sequence.scene().len());
        assert_eq!(sequence.frames, 2);
    }
}

#[test]
#[ignore = "needs ../shared/hostile: two PNG files of millions of pixels"]
fn shared_thumbnails_of_any_size_are_bounded() {
    let hostile = shared("hostile");
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("scene");
    small().write(&folder.join("scene_00000.npz")).unwrap();
    for name in ["thumb_1bit.png", "thumb_484mpx.png"] {
        std::fs::copy(hostile.join(name), folder.join(THUMBNAIL)).unwrap();
        let sequence = catalog::read(&folder).unwrap();
        let picture = catalog::thumbnail(&sequence).unwrap();
        // Made from the frame instead.
        assert_eq!(picture.size(), Size::new(32, 16), "{name}");
    }
}

#[test]
fn times_at_the_limits_do_not_overflow() {
    let base = tempfile::tempdir().unwrap();
    let (low, high) = (-(1_i64 << 60), 1_i64 << 60);
    for (i, times) in [
        [[low, low + 1], [high - 1, high]],
        [[low, high - 1], [high - 1, high]],
        [[low, low + 1], [low + 1, low + 2]],
    ]
    .into_iter()
    .enumerate()
    {
        let mut pair = small();
        pair.exposures_us = times;
        pair.write(&base.path().join(format!("scene/scene_{i:05}.npz"))).unwrap();
        let _ = gem_live::train::recordings::fault(&pair, None);
    }
    let sequence = catalog::read(&base.path().join("scene")).unwrap();
    assert_eq!((sequence.frames, sequence.broken.len()), (6, 0), "{:?}", sequence.broken);
    // One microsecond more is refused.
    let mut bytes = small();
    bytes.exposures_us[1][1] = high + 1;
    let error = Pair::from_bytes(&bytes.to_bytes().unwrap()).unwrap_err().to_string();
    assert!(error.contains("exp_end2"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("scene");
    std::fs::create_dir(&folder).unwrap();
    for name in ["a.npz", MANIFEST, THUMBNAIL, "w.ckpt", "c.yaml"] {
        std::os::unix::fs::symlink("/dev/zero", folder.join(name)).unwrap();
    }
    for error in [
        Pair::read(&folder.join("a.npz")).unwrap_err().to_string(),
        Manifest::read(&folder).unwrap_err().to_string(),
        Weights::read(&folder.join("w.ckpt")).unwrap_err().to_string(),
        Config::read(&folder.join("c.yaml")).unwrap_err().to_string(),
    ] {
        assert!(error.contains("a device"), "{error}");
    }
    assert!(gem_live::sequence::find_npz_files(std::slice::from_ref(&folder))[0].is_err());
    let _ = catalog::read(&folder);
}
