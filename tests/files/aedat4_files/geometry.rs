//! How frames lie on the event sensor: regions, and headers that lack or misstate a size.

use super::{
    EXPOSURE_US, PERIOD_US, SENSOR, T0, events, file, frame, one_camera, periods, play, refusal,
};
use crate::aedat4::{Frame, Packing, Stream, Writer, stream};
use gem_live::event::Event;
use gem_live::image::Size;

#[test]
fn frames_of_a_region_get_the_events_of_that_region() {
    let (_folder, path) = file();
    let part = |x: usize, y: usize, width: usize, height: usize, t_us: i64, number: u8| {
        let whole = frame(t_us, number);
        let pixels = (y..y + height)
            .flat_map(|row| whole.pixels[row * 48 + x..][..width].to_vec())
            .collect();
        let size = (width as i16, height as i16);
        Frame { size, position: (x as i16, y as i16), pixels, ..whole }
    };
    // The region changes, and then the whole sensor is read.
    let regions = [(16, 8, 24, 16), (16, 8, 24, 16), (0, 0, 48, 28), (0, 0, 48, 32)];
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for (i, (x, y, width, height)) in (0_i64..).zip(regions) {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &part(x, y, width, height, start, i as u8));
    }
    for table in [true, false] {
        writer.write(&path, table);
        let played = play(&path, "");
        assert_eq!(played.starts(), [0, 1, 2, 3].map(|i| T0 + i * PERIOD_US));
        for (i, exposure) in played.exposures.iter().enumerate() {
            let (x, y, width, height) = regions[i];
            let start = T0 + i as i64 * PERIOD_US;
            assert_eq!(exposure.sensor, Size::new(width, height));
            assert_eq!(exposure.frame.picture.size(), exposure.sensor);
            assert_eq!(
                exposure.frame.picture.data(),
                part(x, y, width, height, start, i as u8).pixels
            );
            let inside = |n: u16, from: usize, count: usize| {
                usize::from(n).checked_sub(from).filter(|n| *n < count).map(|n| n as u16)
            };
            let expected: Vec<Event> = events(start, false)
                .into_iter()
                .filter(|e| e.t_us < start + EXPOSURE_US)
                .filter_map(|e| {
                    Some(Event { x: inside(e.x, x, width)?, y: inside(e.y, y, height)?, ..e })
                })
                .collect();
            assert!(expected.len() > 100);
            assert_eq!(exposure.exposure_events(), expected, "frame {i}");
        }
        assert_eq!(played.drops.snapshot(), []);
        assert!(played.warnings.contains("24x16 pixels at (16, 8)"), "{}", played.warnings);
    }
}

#[test]
fn a_header_larger_than_the_frames_is_explained_and_corrected_by_an_option() {
    let (_folder, path) = file();
    let larger = Stream { size: Some((56, 40)), ..stream(0, "EVTS", "DAVIS346_1") };
    let mut writer = Writer::new(Packing::Lz4, &[larger, stream(1, "FRME", "DAVIS346_1")]);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("48x32") && why.contains("56x40") && why.contains("sensor="), "{why}");
    let played = play(&path, ",sensor=48x32");
    assert_eq!((played.exposures.len(), played.exposures[0].sensor), (2, SENSOR));
    // Frames twice as fine as events need no option.
    let fine = Stream { size: Some((96, 64)), ..stream(1, "FRME", "DAVIS346_1") };
    let mut writer = Writer::new(Packing::Plain, &[stream(0, "EVTS", "DAVIS346_1"), fine]);
    writer.events(0, &events(T0, false));
    let pixels = vec![9; 96 * 64];
    writer.frame(1, &Frame { size: (96, 64), pixels, ..frame(T0, 0) });
    writer.write(&path, true);
    let played = play(&path, "");
    assert_eq!(played.exposures[0].sensor, SENSOR);
    assert_eq!(played.exposures[0].frame.picture.size(), Size::new(96, 64));
}

#[test]
fn a_header_without_a_size_takes_that_of_the_frames() {
    let (_folder, path) = file();
    let streams = one_camera().map(|s| Stream { size: None, ..s });
    let mut writer = Writer::new(Packing::Lz4, &streams);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, true);
    let played = play(&path, "");
    assert_eq!((played.exposures.len(), played.exposures[0].sensor), (2, SENSOR));
    assert_eq!(played.drops.snapshot(), []);
    assert!(played.warnings.contains("48x32"), "{}", played.warnings);
    // It is unknown how finer frames lie on the events.
    let mut writer = Writer::new(Packing::Lz4, &streams);
    writer.events(0, &events(T0, false));
    writer.frame(1, &Frame { size: (96, 64), pixels: vec![9; 96 * 64], ..frame(T0, 0) });
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("sensor="), "{why}");
    assert_eq!(play(&path, ",sensor=48x32").exposures[0].sensor, SENSOR);
    // Without a list of streams, and without their names.
    let mut writer = Writer::new(Packing::Plain, &[]);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, false);
    assert_eq!(play(&path, "").exposures.len(), 2);
}

#[test]
fn a_region_that_begins_before_the_first_pixel_is_named() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for i in 0..2 {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &Frame { position: (-4, -2), ..frame(start, i as u8) });
    }
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("at (-4, -2) lies outside the sensor's 48x32"), "{why}");
}
