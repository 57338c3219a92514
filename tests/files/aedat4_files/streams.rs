//! Which camera and which streams of a file are played.

use super::{
    PERIOD_US, SENSOR, T0, events, file, frame, one_camera, periods, play, play_as, refusal,
};
use crate::aedat4::{Field, Frame, Packing, Stream, Writer, flat_buffer, stream};
use gem_live::camera::DropUnit;
use gem_live::camera::split::StreamKind;
use gem_live::event::Event;
use gem_live::image::Size;

#[test]
fn one_of_two_cameras_is_played_alone() {
    let (_folder, path) = file();
    let streams = [
        stream(0, "EVTS", "DAVIS346_1"),
        stream(1, "FRME", "DAVIS346_1"),
        stream(2, "EVTS", "DAVIS346_2"),
        stream(3, "FRME", "DAVIS346_2"),
        stream(4, "IMUS", "DAVIS346_2"),
    ];
    let mut writer = Writer::new(Packing::Lz4, &streams);
    for i in 0..4_i64 {
        let start = T0 + i * PERIOD_US;
        writer.events(2, &events(start, true));
        writer.events(0, &events(start, false));
        writer.raw(4, b"no table");
        writer.frame(3, &frame(start + 700, 100 + i as u8));
        writer.frame(1, &frame(start, i as u8));
    }
    for table in [true, false] {
        writer.write(&path, table);
        for (options, mark, number, late_us) in [
            ("", false, 0, 0),
            (",camera=DAVIS346_2", true, 100, 700),
            (",camera=_2", true, 100, 700),
        ] {
            let played = play(&path, options);
            let starts: Vec<i64> = (0..4).map(|i| T0 + i * PERIOD_US + late_us).collect();
            assert_eq!(played.starts(), starts, "table {table}");
            for (i, exposure) in played.exposures.iter().enumerate() {
                let expected = frame(0, number + i as u8).pixels;
                assert_eq!(exposure.frame.picture.data(), expected);
                let all = exposure.exposure_events();
                let (from, until) = (exposure.span().from_us, exposure.span().until_us);
                let wanted: Vec<Event> = (0..4)
                    .flat_map(|i| events(T0 + i * PERIOD_US, mark))
                    .filter(|e| (from..until).contains(&e.t_us))
                    .collect();
                assert_eq!(all, wanted);
            }
            assert_eq!(played.drops.snapshot(), []);
            let other = if mark { "not DAVIS346_1" } else { "not DAVIS346_2" };
            assert!(played.warnings.contains(other), "{}", played.warnings);
            assert!(played.title.ends_with(if mark { "(DAVIS346_2)" } else { "(DAVIS346_1)" }));
        }
    }
    let why = refusal(&path, ",camera=left");
    assert!(why.contains("DAVIS346_1, DAVIS346_2"), "{why}");
    assert!(refusal(&path, ",camera=DAVIS").contains("2 of its cameras"));
}

#[test]
fn only_frames_of_the_image_sensor_are_used() {
    let (_folder, path) = file();
    let accumulated = Stream { output: "accumulated", ..stream(0, "FRME", "DAVIS346_1") };
    let streams = [accumulated, stream(1, "EVTS", "DAVIS346_1"), stream(2, "FRME", "DAVIS346_1")];
    let write = |sensor: bool, mixed: bool| {
        let mut writer = Writer::new(Packing::Plain, &streams);
        for i in 0..4_i64 {
            let start = T0 + i * PERIOD_US;
            writer.events(1, &events(start, false));
            let made = Frame { source: 2, ..frame(start + 3000, 200) };
            writer.frame(if mixed { 2 } else { 0 }, &made);
            if sensor {
                writer.frame(2, &frame(start, i as u8));
            }
        }
        writer.write(&path, true);
    };
    for mixed in [false, true] {
        write(true, mixed);
        let played = play(&path, "");
        assert_eq!(played.starts(), [0, 1, 2, 3].map(|i| T0 + i * PERIOD_US));
        for (i, exposure) in played.exposures.iter().enumerate() {
            assert_eq!(exposure.frame.picture.data(), frame(0, i as u8).pixels);
        }
        assert_eq!(played.drops.snapshot(), []);
        let named = if mixed { "accumulated from events" } else { "0 (accumulated)" };
        assert!(played.warnings.contains(named), "{}", played.warnings);
    }
    write(false, false);
    let why = refusal(&path, "");
    assert!(why.contains("accumulated from events"), "{why}");
}

#[test]
fn a_recording_without_frames_or_events_is_refused_with_the_reason() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.events(0, &events(T0, false));
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("no frames") && why.contains("--frame-source"), "{why}");
    // As the event camera of two it can be used.
    assert_eq!(play_as(&path, "", Some(StreamKind::Events)).failure, None);
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.frame(1, &frame(T0, 0)).frame(1, &frame(T0 + PERIOD_US, 0));
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("no events"), "{why}");
    let frames = play_as(&path, "", Some(StreamKind::Frames));
    assert_eq!((frames.failure, frames.exposures.len()), (None, 2));
    Writer::new(Packing::Lz4, &one_camera()).write(&path, true);
    assert!(refusal(&path, "").contains("no packet"));
    // Events of one camera, frames of another.
    let streams = [stream(0, "EVTS", "DVXplorer_7"), stream(1, "FRME", "FLIR_8")];
    let mut writer = Writer::new(Packing::Plain, &streams);
    periods(&mut writer, &[T0]);
    writer.write(&path, false);
    let why = refusal(&path, "");
    assert!(why.contains("camera=FLIR_8") && why.contains("camera=DVXplorer_7"), "{why}");
    // Nothing but inertial measurements.
    let mut writer = Writer::new(Packing::Plain, &[stream(0, "IMUS", "DAVIS346_1")]);
    writer.raw(0, &flat_buffer(b"IMUS", &[(0, Field::I64(1))]));
    writer.write(&path, false);
    let why = refusal(&path, "");
    assert!(why.contains("IMUS"), "{why}");
}

#[test]
fn the_recording_is_known_by_its_first_bytes() {
    let (folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    periods(&mut writer, &[T0]);
    writer.write(&path, true);
    let other = folder.path().join("recording.dat");
    std::fs::rename(&path, &other).unwrap();
    assert_eq!(play(&other, "").exposures.len(), 1);
}

/// Files that dv-processing wrote, of the cases of public reports beside the repository.
#[test]
#[ignore = "needs ../shared/cases: recordings that dv-processing wrote"]
fn shared_the_reported_recordings_give_the_frames_of_one_camera() {
    let cases = crate::common::shared("cases");
    let part = Size::new(24, 16);
    for (file, options, frames, size) in [
        ("aedat4-two-cameras/stereo2", "", 12, SENSOR),
        ("aedat4-two-cameras/stereo2", ",camera=DAVIS346_00000002", 12, SENSOR),
        ("aedat4-sensor-and-accumulated-frames/two_frame_streams", "", 8, SENSOR),
        ("aedat4-16-bit-frames/gray16", "", 8, SENSOR),
        ("aedat4-no-sensor-size/no_size", "", 8, SENSOR),
        ("aedat4-clock-set-back/reset", "", 10, SENSOR),
        ("aedat4-region-of-interest/roi", "", 8, part),
        ("aedat4-region-of-interest/header_larger", ",sensor=48x32", 8, SENSOR),
        ("aedat4-no-exposure-or-no-frames/no_exposure", ",exposure_us=20000", 8, SENSOR),
    ] {
        let played = play(&cases.join(format!("{file}.aedat4")), options);
        assert_eq!(played.exposures.len(), frames, "{file}: {:?}", played.failure);
        assert_eq!(played.drops(DropUnit::Frames), [], "{file}");
        let pictures = played.exposures.iter().map(|exposure| &exposure.frame.picture);
        let pictures: Vec<_> = pictures.collect();
        assert!(pictures.iter().all(|picture| picture.size() == size), "{file}");
        // The scene of two frames is repeated; frames of another stream between them are others.
        assert!(pictures.windows(3).all(|of| of[0] == of[2]), "{file}: frames of two streams");
        assert!(played.exposures.iter().all(|exposure| exposure.sensor == size), "{file}");
    }
    for (file, why) in [
        ("aedat4-no-exposure-or-no-frames/events_only", "no frames"),
        ("aedat4-no-exposure-or-no-frames/frames_only", "no events"),
        ("aedat4-no-exposure-or-no-frames/no_exposure", "--exposure-us"),
        ("aedat4-region-of-interest/header_larger", "sensor="),
    ] {
        let refused = refusal(&cases.join(format!("{file}.aedat4")), "");
        assert!(refused.contains(why), "{file}: {refused}");
    }
}
