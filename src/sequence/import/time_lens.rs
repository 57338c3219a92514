//! HS-ERGB and BS-ERGB, the datasets of Time Lens and Time Lens++ (Tulyakov et al., CVPR 2021 and
//! 2022): pictures with timestamp.txt, and npz files of events, whose coordinates can be
//! fractional.
//!
//! BS-ERGB stores coordinates in 32nds of a pixel, which shows in their size.

use super::error::ImportError;
use super::folder::times_file;
use super::npz_events::{NpzEvents, Polarities, npz_files};
use super::options::ImportOptions;
use super::picture_sequence::{Parts, PictureSequence};
use super::places::Places;
use super::text_times::{self, FrameTimes};
use crate::event::Event;
use crate::formats::limits::MAX_SEQUENCE_EVENTS;
use crate::formats::pictures::{first_size, pictures};
use crate::image::Size;
use std::path::{Path, PathBuf};

/// Names of the folder of pictures, in order of preference.
const IMAGES: [&str; 3] = ["images_corrected", "images", "image"];
/// Names of the folder of events, in order of preference.
const EVENTS: [&str; 3] = ["events_aligned", "events", "event"];
/// A day, in seconds: a sequence whose times span more has them in a shorter unit.
const DAY_S: f64 = 86_400.0;
/// Steps of a pixel in coordinates of BS-ERGB.
const STEPS: f64 = 32.0;

/// The folders of pictures and of events of a sequence.
pub(crate) fn folders(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = |names: &[&str]| names.iter().map(|n| path.join(n)).find(|p| p.is_dir());
    Some((folder(&IMAGES)?, folder(&EVENTS)?))
}

/// Whether a folder looks like this format.
pub(super) fn is_recording(path: &Path) -> bool {
    folders(path).is_some_and(|(_, events)| npz_files(&events).is_ok_and(|f| !f.is_empty()))
}

pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<PictureSequence, ImportError> {
    let missing = || ImportError::content(path, "the folder has no images/ and events/");
    let (images, events) = folders(path).ok_or_else(missing)?;
    let pictures = pictures(&images)?;
    let times_file = times_file(path, &images)?;
    let FrameTimes { lines, remark } = text_times::read(&times_file, options)?;
    let size = first_size(&pictures)?.unwrap_or(Size::new(1, 1));
    let (events, unreadable, notes) =
        read_events(&events, options.sensor.unwrap_or(size), options)?;
    if events.is_empty() {
        return Err(ImportError::content(path, "the sequence has no events"));
    }
    let parts = Parts {
        path: path.to_owned(),
        format: "HS-ERGB or BS-ERGB".into(),
        pictures,
        sharp: None,
        times: lines,
        times_file,
        events,
        unreadable,
        sensor: None,
        remarks: std::iter::once(remark).chain(notes).collect(),
    };
    PictureSequence::new(parts, options)
}

/// All events of a folder, the number of those that are not events, and remarks if coordinates are in
/// 32nds of a pixel or times are not in microseconds.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn read_events(
    folder: &Path,
    sensor: Size,
    options: &ImportOptions,
) -> Result<(Vec<Event>, usize, Vec<String>), ImportError> {
    let (mut files, mut count, mut polarities) = (Vec::new(), 0, Polarities::default());
    for file in npz_files(folder)? {
        let read = NpzEvents::read(&file)?;
        count += read.count();
        if count > MAX_SEQUENCE_EVENTS {
            let what = format!("more than {MAX_SEQUENCE_EVENTS} events: split the sequence");
            return Err(ImportError::content(folder, what));
        }
        polarities.add(read.polarities());
        files.push(read);
    }
    if let Some(why) = polarities.fault(files.iter().flat_map(NpzEvents::polarities)) {
        return Err(ImportError::content(folder, why));
    }
    let reach = files
        .iter()
        .map(NpzEvents::extent)
        .fold([0.0, 0.0], |a, b| [f64::max(a[0], b[0]), f64::max(a[1], b[1])]);
    // Alignment moves real coordinates a little beyond the picture, never to several times its
    // size.
    let fine = reach[0] > 4.0 * sensor.width as f64 || reach[1] > 4.0 * sensor.height as f64;
    let per_pixel = if fine { STEPS } else { 1.0 };
    let (unit, unit_note) = match options.event_unit {
        Some(unit) => (unit, None),
        None => NpzEvents::guess_unit(&files, [DAY_S; 2]),
    };
    let (mut events, mut unreadable) = (Vec::new(), 0);
    for file in files {
        unreadable += file.append(per_pixel, unit, |p| polarities.read(p), &mut events);
    }
    let mut places = Places::on(options.sensor, None, sensor);
    places.add(&events);
    places.check(folder, "exchange the arrays x and y of its files")?;
    let fine_note = fine.then(|| {
        let [x, y] = reach;
        format!("coordinates reach ({x}, {y}): taken as 32nds of a pixel, as BS-ERGB stores them")
    });
    let notes = [unit_note, fine_note, polarities.remark()];
    Ok((events, unreadable, notes.into_iter().flatten().collect()))
}
