//! Hostile and damaged files: an error or a usable result, never a panic, and nothing outside the
//! folder is read or removed. Each input of `shared/hostile` that a reader here concerns is tried,
//! and some thousand mutations of valid files of every format.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::common::shared;
use gem_live::event::Event;
use gem_live::formats::config::Config;
use gem_live::formats::pickle::{Writer, load};
use gem_live::formats::{npy, yaml};
use gem_live::image::{ImageU8, Size};
use gem_live::network::Weights;
use gem_live::random::KeyedRng;
use gem_live::sequence::{GroundTruth, MANIFEST, Manifest, Pair, SessionInfo, THUMBNAIL, catalog};

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

/// A mutation of `bytes`: changed, removed, inserted or repeated parts.
fn mutated(bytes: &[u8], random: &mut KeyedRng) -> Vec<u8> {
    const VALUES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'(', b'.', b'['];
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if out.is_empty() {
            return out;
        }
        let at = random.below(out.len());
        let length = 1 + random.below(8.min(out.len() - at));
        match random.below(6) {
            0 => out[at] = VALUES[random.below(VALUES.len())],
            1 => out[at] ^= 1 << random.below(8),
            2 => drop(out.drain(at..at + length)),
            3 => {
                let part = out[at..at + length].to_vec();
                let to = random.below(out.len());
                out.splice(to..to, part);
            }
            4 => out.truncate(at),
            _ => {
                let end = (at + 8).min(out.len());
                let number = [0, u64::MAX, 1 << 32, 1 << 63, 0xffff][random.below(5)];
                let number = number.to_le_bytes();
                out[at..end].copy_from_slice(&number[..end - at]);
            }
        }
    }
    out
}

/// Tries mutations of a valid file, which `read` must survive.
pub fn survives(name: u64, count: u64, valid: &[u8], read: impl Fn(&[u8])) {
    for i in 0..count {
        let mut random = KeyedRng::keyed(&[0x6675_7a7a, name, i]);
        read(&mutated(valid, &mut random));
    }
}

/// An archive whose entries are stored, so that changes reach the arrays.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().to_string();
        out.start_file(name, options).unwrap();
        std::io::copy(&mut file, &mut out).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn mutated_recordings_do_no_harm() {
    let whole = stored(&small().to_bytes().unwrap());
    survives(1, 1500, &whole, |bytes| drop(Pair::from_bytes(bytes)));
    // The entries one by one, in an archive whose checksums are right.
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&whole)).unwrap();
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().trim_end_matches(".npy").to_owned();
        let mut data = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut data).unwrap();
        entries.push((name, data));
    }
    for (k, (name, valid)) in entries.iter().enumerate() {
        survives(10 + k as u64, 200, valid, |bytes| {
            let _ = npy::open(bytes);
            let _ = npy::read(bytes, 1 << 16);
            let all: Vec<(&str, Vec<u8>)> = entries
                .iter()
                .map(|(n, d)| (n.as_str(), if n == name { bytes.to_vec() } else { d.clone() }))
                .collect();
            if let Ok(pair) = Pair::from_bytes(&gem_live::formats::npz::write(&all).unwrap()) {
                // What is accepted can be written and read again.
                assert_eq!(Pair::from_bytes(&pair.to_bytes().unwrap()).unwrap(), pair);
                let _ = gem_live::train::recordings::fault(&pair, None);
            }
        });
    }
}

#[test]
fn mutated_weights_and_pickles_do_no_harm() {
    let mut w = Writer::new();
    w.dict(|w| {
        w.text("state_dict");
        w.dict(|w| {
            w.text("model.ev_enc.conv1.bias");
            w.call("torch._utils", "_rebuild_tensor_v2", |w| {
                w.persistent(|w| {
                    w.text("storage");
                    w.global("torch", "FloatStorage");
                    w.text("0");
                    w.text("cpu");
                    w.int(16);
                });
                w.int(0);
                w.tuple(|w| w.int(16));
                w.tuple(|w| w.int(1));
            });
        });
        w.text("list");
        w.list(|w| (0..50).for_each(|i| w.int(i * 70_000)));
    });
    let pickle = w.finish();
    survives(30, 2000, &pickle, |bytes| drop(load(bytes)));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("a/data.pkl", &pickle[..]), ("a/data/0", &[0; 64])] {
        zip.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut zip, bytes).unwrap();
    }
    let checkpoint = zip.finish().unwrap().into_inner();
    survives(31, 1000, &checkpoint, |bytes| drop(Weights::from_bytes(bytes)));
    let mut legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    legacy.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
    legacy.extend(&pickle);
    legacy.extend(b"\x80\x02](X\x01\x00\x00\x000e.");
    legacy.extend(16_u64.to_le_bytes());
    legacy.extend([0; 64]);
    survives(32, 2000, &legacy, |bytes| drop(Weights::from_bytes(bytes)));
    let tensor = gem_live::network::Tensor { shape: vec![16], data: vec![1.0; 16] };
    let tensors = gem_live::network::to_safetensors(&[("ev_enc.conv1.bias", tensor)]).unwrap();
    survives(33, 2000, &tensors, |bytes| drop(Weights::from_bytes(bytes)));
}

#[test]
fn mutated_texts_do_no_harm() {
    let config = include_bytes!("../../configs/ms_rbd_train.yaml");
    survives(40, 1000, config, |bytes| {
        if let Ok(text) = gem_live::formats::input::decode_text(bytes) {
            let _ = Config::parse(&text);
            let _ = yaml::parse::<gem_live::train::recipe::TrainingRecipe>(&text);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::new(SessionInfo { scene: "desk".into(), ..SessionInfo::default() });
    let json = serde_json::to_vec(&manifest).unwrap();
    small().write(&folder.path().join("desk_00000.npz")).unwrap();
    survives(41, 300, &json, |bytes| {
        std::fs::write(folder.path().join(MANIFEST), bytes).unwrap();
        let sequence = catalog::read(folder.path()).unwrap();
        let _ = (sequence.lost_frames(), sequence.date(), sequence.scene().len());
    });
}
