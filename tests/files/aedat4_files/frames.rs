//! Unusual frames: deeper samples, and no exposure.

use super::{PERIOD_US, T0, events, file, frame, one_camera, play, refusal};
use crate::aedat4::{Frame, Packing, Writer};
use std::process::Command;

#[test]
fn deeper_samples_become_the_same_eight_bits() {
    let (_folder, path) = file();
    let plain = frame(T0, 7);
    let sixteen = |bits: u32| -> Vec<u8> {
        let sample = |v: &u8| (u16::from(*v) << (bits - 8)).to_le_bytes();
        plain.pixels.iter().flat_map(sample).collect()
    };
    let float = plain
        .pixels
        .iter()
        .flat_map(|v| (f32::from(*v) / 255.0).to_le_bytes())
        .collect::<Vec<u8>>();
    let cases = [
        (2, sixteen(10), "10 bits"),
        (2, sixteen(14), "14 bits"),
        (2, sixteen(16), "16 bits"),
        (5, float, ""),
    ];
    for (format, pixels, warning) in cases {
        let mut writer = Writer::new(Packing::Lz4, &one_camera());
        for i in 0..2 {
            let t_us = T0 + i * PERIOD_US;
            writer.events(0, &events(t_us, false));
            writer.frame(1, &Frame { format, pixels: pixels.clone(), ..frame(t_us, 0) });
        }
        writer.write(&path, true);
        let played = play(&path, "");
        assert_eq!(played.exposures.len(), 2);
        assert_eq!(played.exposures[1].frame.picture.data(), plain.pixels, "{warning}");
        assert!(played.warnings.contains(warning), "{}", played.warnings);
    }
    // Colour of 16 bits, blue first; and a type that cannot be read.
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    writer.events(0, &events(T0, false));
    let pixels = [1000_u16, 2000, 65_000].map(u16::to_le_bytes).concat().repeat(48 * 32);
    writer.frame(1, &Frame { format: 18, pixels, ..frame(T0, 0) });
    writer.write(&path, true);
    let played = play(&path, "");
    let picture = &played.exposures[0].frame.picture;
    assert_eq!([0, 1, 2].map(|c| picture.plane(c)[5]), [4, 8, 254]);
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    writer.events(0, &events(T0, false));
    writer.frame(1, &Frame { format: 4, ..frame(T0, 0) });
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("type 4"), "{why}");
}

#[test]
fn frames_without_an_exposure_need_it_as_an_option() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for i in 0..3_i64 {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &Frame { exposure_us: 0, source: 0, ..frame(start, i as u8) });
    }
    for table in [true, false] {
        writer.write(&path, table);
        let why = refusal(&path, "");
        assert!(why.contains("--exposure-us"), "{why}");
        let played = play(&path, ",exposure_us=9000");
        let spans: Vec<[i64; 2]> =
            played.exposures.iter().map(|e| [e.span().from_us, e.span().until_us]).collect();
        let expected = [0, 1, 2].map(|i| [T0 + i * PERIOD_US, T0 + i * PERIOD_US + 9000]);
        assert_eq!(spans, expected);
        assert_eq!(played.drops.snapshot(), []);
    }
}

#[test]
fn overlapping_exposures_are_named_as_the_reason_that_nothing_was_recorded() {
    let (folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for i in 0..6 {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &Frame { exposure_us: 3 * PERIOD_US / 2, ..frame(start, 0) });
    }
    writer.write(&path, true);
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    command.args(["record", "--source", &format!("replay:{}", path.display()), "--out"]);
    let output = command.arg(folder.path().join("out")).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("they overlap (is the exposure time too long?)"), "{printed}");
    assert!(!folder.path().join("out").exists(), "a folder without a pair is left behind");
}
