//! Recordings that differ from the format are read as the authors' program reads them, with a report;
//! files of another kind are named with the command that accepts them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod events;
mod reported;

use crate::entries::{entries, file_of};
use gem_live::event::Event;
use gem_live::formats::npy::write as npy;
use gem_live::formats::pickle::Writer;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::{Pair, ReadOptions, Repair, Repairs};

const SIZE: Size = Size::new(32, 16);

/// A recording whose events reach every edge of the 16x8 sensor.
fn sample() -> Pair {
    let picture = |seed: usize| {
        let data = (0..3 * SIZE.area()).map(|i| (i * 7 + seed * 31) as u8).collect();
        ImageU8::new(3, SIZE, data).unwrap()
    };
    let event = |i: i64| Event {
        t_us: 1_000 + i * 5,
        x: (i * 3 % 16) as u16,
        y: (i % 8) as u16,
        polarity: i % 3 == 0,
    };
    Pair {
        frames: [picture(0), picture(1)],
        exposures_us: [[1_000, 2_000], [2_500, 3_500]],
        events: (0..500).map(event).collect(),
        scale_factor: 2.0,
        truth: None,
    }
}

/// The arrays of the sample's file.
fn sample_entries() -> Vec<(String, Vec<u8>)> {
    entries(&sample().to_bytes().unwrap())
}

/// The sample's file with some arrays replaced, added or (without bytes) removed.
fn changed(changes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut all = sample_entries();
    all.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let new = changes.iter().filter(|(_, bytes)| !bytes.is_empty());
    all.extend(new.map(|(name, bytes)| ((*name).to_owned(), bytes.clone())));
    file_of(&all)
}

fn read(changes: &[(&str, Vec<u8>)]) -> (Pair, Repairs) {
    Pair::from_bytes_with_repairs(&changed(changes), &ReadOptions::default()).unwrap()
}

fn error(changes: &[(&str, Vec<u8>)]) -> String {
    let text = Pair::from_bytes(&changed(changes)).unwrap_err().to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

fn f64s(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(f64::to_le_bytes).collect()
}

/// The rows x, y, t, p of the sample's events.
fn rows() -> Vec<[f64; 4]> {
    let row = |e: &Event| {
        let p = if e.polarity { 1.0 } else { 0.0 };
        [f64::from(e.x), f64::from(e.y), e.t_us as f64, p]
    };
    sample().events.iter().map(row).collect()
}

/// The events as a dictionary of lists of numbers.
fn dictionary(rows: &[[f64; 4]], more: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    w.list(|w| {
        w.dict(|w| {
            for (k, name) in ["x", "y", "t", "p"].into_iter().enumerate() {
                w.text(name);
                w.list(|w| {
                    for row in rows {
                        let value = row[k];
                        if value.fract() == 0.0 { w.int(value as i64) } else { w.float(value) }
                    }
                });
            }
            more(w);
        });
    });
    npy("|O", &[], &w.finish())
}

#[test]
fn the_sample_needs_no_repair() {
    let (pair, repairs) = read(&[]);
    assert_eq!((pair, repairs.is_empty()), (sample(), true));
}

#[test]
fn exposure_times_with_fractions_are_cut() {
    let start = npy("<f8", &[1], &2_500.5_f64.to_le_bytes());
    let (pair, repairs) = read(&[("exp_start2", start)]);
    assert_eq!((pair, repairs.count(Repair::FractionalExposure)), (sample(), 1));
}

#[test]
fn a_missing_scale_factor_is_derived_or_taken_from_the_configuration() {
    let (pair, repairs) = read(&[("scale_factor", Vec::new())]);
    assert_eq!((pair, repairs.count(Repair::ScaleFactor)), (sample(), 1));
    // Events that do not reach the edges do not determine it.
    let few: Vec<[f64; 4]> = rows().into_iter().filter(|r| r[0] < 8.0).collect();
    let few = [("scale_factor", Vec::new()), ("events", dictionary(&few, |_| {}))];
    let text = error(&few);
    assert!(text.contains("scale_factor: it is missing"), "{text}");
    let options = ReadOptions { scale_factor: Some(2.0), ..ReadOptions::default() };
    let (pair, repairs) = Pair::from_bytes_with_repairs(&changed(&few), &options).unwrap();
    assert_eq!((pair.scale_factor, repairs.count(Repair::ScaleFactor)), (2.0, 1));
    // The file's own is kept.
    let (pair, _) = Pair::from_bytes_with_repairs(
        &changed(&[]),
        &ReadOptions { scale_factor: Some(4.0), ..ReadOptions::default() },
    )
    .unwrap();
    assert_eq!(pair.scale_factor, 2.0);
}

#[test]
fn arrays_that_are_no_numbers_name_the_way_to_some() {
    let objects = npy("|O", &[], &Writer::new().finish());
    let text = error(&[("blur1", objects)]);
    assert!(text.contains("blur1: Python objects instead of numbers: convert it"), "{text}");
    let text = error(&[("exp_end2", npy("<U1", &[], &[b'7', 0, 0, 0]))]);
    assert!(text.contains("exp_end2") && text.contains("\"<U1\": save it as numbers"), "{text}");
}

#[test]
fn events_outside_by_a_wrong_scale_factor_are_not_repaired() {
    let text = error(&[("scale_factor", npy("<i8", &[], &4_i64.to_le_bytes()))]);
    assert!(text.contains("lie outside the 8x4 event sensor"), "{text}");
    let text = error(&[("scale_factor", npy("<f8", &[], &(1.0 / 8192.0_f64).to_le_bytes()))]);
    assert!(text.contains("scale_factor: ") && text.contains("0.0625"), "{text}");
}

#[test]
fn images_beyond_the_limits_are_refused_before_they_are_read() {
    let claim = |sides: [usize; 3]| npy("|u1", &sides, &[]);
    let text = error(&[("blur1", claim([3, 9000, 10]))]);
    assert!(text.contains("blur1: the shape") || text.contains("at most"), "{text}");
    let wide = npy("|u1", &[1, 1, 8193], &[0; 8193]);
    let text = error(&[("blur1", wide)]);
    assert!(text.contains("sides from 1 to 8192"), "{text}");
}

#[test]
fn archives_of_every_packing_of_numpy_are_read() {
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
        zip::CompressionMethod::BZIP2,
    ] {
        for folder in ["", "scene/"] {
            let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            for (name, bytes) in sample_entries() {
                zip.start_file(format!("{folder}{name}.npy"), options).unwrap();
                std::io::Write::write_all(&mut zip, &bytes).unwrap();
            }
            let bytes = zip.finish().unwrap().into_inner();
            let (pair, repairs) =
                Pair::from_bytes_with_repairs(&bytes, &ReadOptions::default()).unwrap();
            assert_eq!(pair, sample(), "{method:?} {folder}");
            assert_eq!(repairs.count(Repair::Folder), u64::from(!folder.is_empty()));
        }
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let ours = sample().to_bytes().unwrap();
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6050\n".to_vec();
    let weights = gem_live::network::Weights::embedded().unwrap();
    let cases: [(Vec<u8>, &str); 10] = [
        (Vec::new(), "an empty file"),
        (lfs, "git lfs pull"),
        (b"<!DOCTYPE html><html></html>".to_vec(), "a web page"),
        (ours[..ours.len() * 2 / 3].to_vec(), "cut off or damaged"),
        (npy("|u1", &[3], &[1, 2, 3]), "a single numpy array"),
        (b"#!AER-DAT4.0\r\n".to_vec(), "gem-live record --source replay:"),
        (b"#!AER-DAT2.0\r\n".to_vec(), "no command reads this format"),
        (b"root_path: data\n".to_vec(), "--config"),
        (weights.to_checkpoint(false).unwrap(), "--weights"),
        (weights.to_safetensors(true).unwrap(), "--weights"),
    ];
    for (bytes, expected) in cases {
        std::fs::write(&path, bytes).unwrap();
        let text = Pair::read(&path).unwrap_err().to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{text:?}, not {expected:?}");
    }
    let foreign = [("x", npy("<u2", &[1], &[0, 0])), ("t", npy("<f8", &[1], &[0; 8]))];
    let text = Pair::from_bytes(&gem_live::formats::npz::write(&foreign).unwrap());
    let text = text.unwrap_err().to_string();
    assert!(text.contains("is missing") && text.contains("the file holds x, t"), "{text}");
}

#[test]
fn headers_are_read_of_repaired_files_too() {
    use gem_live::sequence::PairHeader;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let floats: Vec<u8> = sample().frames[0]
        .data()
        .iter()
        .flat_map(|v| (f32::from(*v) / 255.0).to_le_bytes())
        .collect();
    let changes = [
        ("blur1", npy("<f4", &[3, 16, 32], &floats)),
        ("scale_factor", Vec::new()),
        ("exp_end1", npy("<f8", &[], &2_000.25_f64.to_le_bytes())),
    ];
    std::fs::write(&path, changed(&changes)).unwrap();
    let header = PairHeader::read(&path).unwrap();
    assert_eq!((header.size, header.channels, header.scale_factor), (SIZE, 3, 2.0));
    assert_eq!(header.exposures_us, sample().exposures_us);
    let rows = rows();
    let column = |k: usize| npy("<f8", &[rows.len()], &f64s(rows.iter().map(|row| row[k])));
    let separate = [
        ("events", Vec::new()),
        ("col", column(0)),
        ("row", column(1)),
        ("time", column(2)),
        ("pol", column(3)),
    ];
    std::fs::write(&path, changed(&separate)).unwrap();
    assert_eq!(PairHeader::read(&path).unwrap().exposures_us, sample().exposures_us);
}
