//! Reads the arrays of a recording. What the authors' program reads is read, and what differs from
//! the format is repaired and counted; what cannot be understood is refused with the field.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::pair_arrays::{bytes, content, missing, number, numbers};
use super::pair_error::{PairError, field, sensor};
use super::pair_events::{Columns, NAMES};
use super::pair_pictures::{Layout, Pictures, convert};
use super::repairs::{Repair, Repairs};
use crate::event::Event;
use crate::exposure::consistency::are_short;
use crate::formats::limits::MAX_TIME_US;
use crate::formats::npy::{Content, View};
use crate::formats::npz::Npz;
use crate::formats::pickle_dict::with_dict;
use crate::image::{ImageU8, Size};
use crate::time::EventTimes;
use std::io::{Read, Seek};

/// Maximum number of sharp images of a recording.
const MAX_TRUTHS: usize = 4096;

/// What a recording is read with beside its file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The ratio of image to event resolution, such as a configuration's, if the file has none.
    pub scale_factor: Option<f64>,
    /// Unit and offset of the events' times.
    pub times: EventTimes,
}

/// The contents of a recording.
pub(super) struct Contents {
    pub(super) frames: [ImageU8; 2],
    pub(super) exposures_us: [[i64; 2]; 2],
    pub(super) events: Vec<Event>,
    pub(super) scale_factor: f64,
    pub(super) truth: Option<(Vec<ImageU8>, Vec<i64>)>,
    pub(super) repairs: Repairs,
}

/// Reads a recording.
pub(super) fn read<R: Read + Seek>(
    npz: &mut Npz<R>,
    options: &ReadOptions,
) -> Result<Contents, PairError> {
    let mut repairs = Repairs::default();
    for name in ["blur1", "blur2"] {
        if npz.shape(name)?.is_none() {
            return Err(missing(npz, name));
        }
    }
    let exposures_us = exposures(npz, &mut repairs)?;
    let files = [bytes(npz, "blur1")?, bytes(npz, "blur2")?];
    let truth_files = match (npz.bytes("sharp_imgs")?, npz.bytes("sharp_timestamps")?) {
        (Some(images), Some(times)) => Some((images, times)),
        (None, None) => None,
        (None, _) => return Err(missing(npz, "sharp_imgs")),
        (_, None) => return Err(missing(npz, "sharp_timestamps")),
    };
    let (frames, truth) = pictures(&files, truth_files.as_ref(), &mut repairs)?;
    drop((files, truth_files));
    let [first, _] = &frames;
    let image = first.size();
    let stated = number(npz, "scale_factor")?;
    let known = stated.or(options.scale_factor);
    if stated.is_none() && known.is_some() {
        repairs.add(Repair::ScaleFactor, 1);
    }
    let (events, scale_factor) = events(npz, known, options.times, image, &mut repairs)?;
    check_unit(&exposures_us, &events, &repairs)?;
    repairs.add(Repair::Folder, u64::from(!npz.folder().is_empty()));
    Ok(Contents { frames, exposures_us, events, scale_factor, truth, repairs })
}

/// Exposures from this many milliseconds on are rarely given in seconds.
const LONG_MS: i64 = 10;

/// Refuses files with all times in milliseconds or seconds, which would be cut to whole ones.
fn check_unit(
    exposures_us: &[[i64; 2]; 2],
    events: &[Event],
    repairs: &Repairs,
) -> Result<(), PairError> {
    let cut = repairs.count(Repair::FractionalTime);
    if !are_short(exposures_us) || cut <= events.len() as u64 / 2 {
        return Ok(());
    }
    let [us, other_us] = exposures_us.map(|[start, end]| end.saturating_sub(start));
    let seconds =
        if us.max(other_us) < LONG_MS { ", or by 1000000 if they are in seconds" } else { "" };
    let what = format!(
        "exposures of {us} us, and {cut} events between whole microseconds: in milliseconds? The format \
         has all times in microseconds: multiply those of exposures, events and sharp images by \
         1000{seconds}; if they are in microseconds, save whole numbers"
    );
    Err(field("exp_end1", what))
}

/// Start and end of both exposures.
pub(super) fn exposures<R: Read + Seek>(
    npz: &mut Npz<R>,
    repairs: &mut Repairs,
) -> Result<[[i64; 2]; 2], PairError> {
    let mut time = |name: &str| -> Result<(i64, f64), PairError> {
        let file = bytes(npz, name)?;
        let view = numbers(name, &file)?;
        match view.count() {
            1 => Ok((self::time(name, &view, 0, repairs)?, view.float(0))),
            n => Err(field(name, format!("not one integer in microseconds, but {n} numbers"))),
        }
    };
    let mut exposure = |start: &str, end: &str| {
        let [(from_us, from), (until_us, until)] = [time(start)?, time(end)?];
        if until_us <= from_us && until > from {
            let what = format!(
                "an exposure from {from} to {until}: in seconds? The format has all times in \
                 microseconds: multiply those of exposures, events and sharp images by 1000000"
            );
            return Err(field(end, what));
        }
        Ok([from_us, until_us])
    };
    Ok([exposure("exp_start1", "exp_end1")?, exposure("exp_start2", "exp_end2")?])
}

/// A time in microseconds; a fraction is cut off, as in the authors' program.
fn time(name: &str, view: &View<'_>, i: usize, repairs: &mut Repairs) -> Result<i64, PairError> {
    let exact = view.integer(i);
    let cut = || {
        let time = view.float(i).trunc();
        (time.abs() < MAX_TIME_US as f64).then_some(time as i64)
    };
    let time = exact.or_else(cut).filter(|t| (-MAX_TIME_US..=MAX_TIME_US).contains(t));
    repairs.add(Repair::FractionalExposure, u64::from(exact.is_none() && time.is_some()));
    time.ok_or_else(|| {
        let value = view.float(i);
        field(
            name,
            match value.is_finite() {
                true => format!("{value} us is not a time of a recording"),
                false => format!("not one integer in microseconds, but {value}"),
            },
        )
    })
}

/// Whether the archive has events in any form.
pub(super) fn has_events<R: Read + Seek>(npz: &mut Npz<R>) -> Result<bool, PairError> {
    let [columns, ..] = NAMES;
    for name in ["events"].iter().chain(columns) {
        if npz.shape(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

type Truth = (Vec<ImageU8>, Vec<i64>);

fn pictures(
    files: &[Vec<u8>; 2],
    truth: Option<&(Vec<u8>, Vec<u8>)>,
    repairs: &mut Repairs,
) -> Result<([ImageU8; 2], Option<Truth>), PairError> {
    let mut arrays = Vec::new();
    for (name, file) in ["blur1", "blur2"].into_iter().zip(files) {
        let view = numbers(name, file)?;
        let layout = Layout::of_image(name, &view.shape)?;
        arrays.push(Pictures { name, view, layout });
    }
    let mut timestamps_us = None;
    if let Some((images, times)) = truth {
        let view = numbers("sharp_imgs", images)?;
        let layout = Layout::of_images("sharp_imgs", &view.shape)?;
        let times = numbers("sharp_timestamps", times)?;
        if times.count() != layout.count || layout.count > MAX_TRUTHS {
            let what = format!(
                "not one integer per sharp image: {} for {} images (at most {MAX_TRUTHS} are read)",
                times.count(),
                layout.count
            );
            return Err(field("sharp_timestamps", what));
        }
        let all = (0..layout.count).map(|i| time("sharp_timestamps", &times, i, repairs));
        timestamps_us = Some(all.collect::<Result<Vec<_>, _>>()?);
        arrays.push(Pictures { name: "sharp_imgs", view, layout });
    }
    let mut images = convert(&arrays, repairs)?.into_iter();
    let mut one = |name: &str| {
        let first = images.next().and_then(|list| list.into_iter().next());
        first.ok_or_else(|| field(name, "no image"))
    };
    let frames = [one("blur1")?, one("blur2")?];
    let truth = images.next().zip(timestamps_us);
    Ok((frames, truth))
}

/// The events, and the scale factor that is known or derived.
fn events<R: Read + Seek>(
    npz: &mut Npz<R>,
    scale_factor: Option<f64>,
    times: EventTimes,
    image: Size,
    repairs: &mut Repairs,
) -> Result<(Vec<Event>, f64), PairError> {
    let finish = |columns: &Columns<'_>, repairs: &mut Repairs| {
        let scale = match scale_factor {
            Some(scale) => scale,
            None => {
                repairs.add(Repair::ScaleFactor, 1);
                columns.scale_factor(image).ok_or_else(|| {
                    let what = "it is missing, and the events do not reach the edges of the sensor, \
                                which would show it";
                    field("scale_factor", what)
                })?
            }
        };
        Ok::<_, PairError>((columns.events(sensor(image, scale)?, times, repairs)?, scale))
    };
    let Some(file) = npz.bytes("events")? else {
        let mut files = Vec::new();
        for names in NAMES {
            // The first of a column's names; others may mean anything.
            for name in names {
                if let Some(file) = npz.bytes(name)? {
                    files.push((*name, file));
                    break;
                }
            }
        }
        if files.is_empty() {
            return Err(missing(npz, "events"));
        }
        let mut fields = Vec::new();
        for (name, file) in &files {
            fields.push(((*name).to_owned(), numbers(name, file)?));
        }
        let found = finish(&Columns::of_fields(fields)?, repairs)?;
        repairs.add(Repair::TopLevel, found.0.len() as u64);
        return Ok(found);
    };
    match content("events", &file)? {
        Content::Objects(pickle) => {
            with_dict(pickle, |dict| finish(&Columns::of_dict(dict)?, repairs))
        }
        Content::Records(fields) => {
            let found = finish(&Columns::of_fields(fields)?, repairs)?;
            repairs.add(Repair::Records, found.0.len() as u64);
            Ok(found)
        }
        Content::Numbers(view) => {
            let found = finish(&Columns::of_matrix(&view, image)?, repairs)?;
            repairs.add(Repair::Matrix, found.0.len() as u64);
            Ok(found)
        }
    }
}
