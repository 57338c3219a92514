//! Some thousand mutations of valid files of every format.

use super::small;
use crate::entries::entries;
use gem_live::formats::config::Config;
use gem_live::formats::pickle::{Writer, load};
use gem_live::formats::{npy, yaml};
use gem_live::network::Weights;
use gem_live::random::KeyedRng;
use gem_live::sequence::{MANIFEST, Manifest, Pair, SessionInfo, catalog};

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
    let entries = entries(&whole);
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
    let config = include_bytes!("../../../configs/ms_rbd_train.yaml");
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
