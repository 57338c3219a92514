//! What of a file is played and how, decided when it is opened. A file of which nothing can be
//! played is refused here, with the reason.

use super::choice::{self, Camera, joined};
use super::geometry::{Grids, MAX_SENSOR_SIDE, Region};
use super::refusal::missing_streams;
use super::sensor;
use super::survey::{LOOKED_AT, SurveyedFrames, first_usable, of_stream, samples, source, survey};
use crate::camera::split::StreamKind;
use crate::formats::aedat4::{
    FrameHead, FrameSource, Index, PacketKind, PacketPlace, Reader, SampleType, StreamInfo, White,
};
use crate::image::Size;
use crate::sequence::replay::options::ReplayOptions;
use crate::sequence::replay::tape::timeline::TapeError;
use std::collections::BTreeMap;

/// Cameras that are tried until the frames of one can be used.
const TRIED: usize = 8;

/// What is played.
#[derive(Debug)]
pub(super) struct Setup {
    /// Name of the camera.
    pub(super) camera: String,
    /// The packets of its streams, in the order of the file.
    pub(super) places: Vec<PacketPlace>,
    /// Numbers of the streams of events and of frames.
    pub(super) events: Option<i32>,
    pub(super) frames: Option<i32>,
    pub(super) grids: Grids,
    /// The region of the first frame that can be used.
    pub(super) region: Region,
    /// White of the types of samples with more than eight bits.
    pub(super) whites: Vec<(SampleType, White)>,
    /// What the user should know, one sentence each.
    pub(super) warnings: Vec<String>,
}

fn refused(why: impl Into<String>) -> TapeError {
    TapeError::Refused(why.into())
}

/// Decides what is played. `needed` is the only stream that is needed, if the other one comes from
/// another camera.
pub(super) fn setup(
    reader: &mut Reader,
    index: &Index,
    options: &ReplayOptions,
    needed: Option<StreamKind>,
) -> Result<Setup, TapeError> {
    let mut found = BTreeMap::new();
    for place in &index.packets {
        if place.kind != PacketKind::Damaged {
            found.entry(place.stream).or_insert(place.kind);
        }
    }
    // Of a packet without events, another one states that its stream has events.
    for place in &index.packets {
        if place.kind == PacketKind::Events {
            found.insert(place.stream, PacketKind::Events);
        }
    }
    let listed = reader.streams().to_vec();
    // Of a stream whose packets are all damaged, only the header states the content.
    for place in index.packets.iter().filter(|p| p.kind == PacketKind::Damaged) {
        if let Some(stream) = listed.iter().find(|s| s.number == place.stream) {
            found.entry(place.stream).or_insert(stream.kind);
        }
    }
    let cameras = choice::cameras(&listed, &found);
    let (frames, events) = (needed != Some(StreamKind::Events), needed != Some(StreamKind::Frames));
    let has_all =
        |c: &Camera| (!frames || !c.frames.is_empty()) && (!events || !c.events.is_empty());
    let chosen: Vec<&Camera> = match &options.camera {
        Some(name) => vec![choice::named(&cameras, name).map_err(refused)?],
        None => cameras.iter().filter(|c| has_all(c)).collect(),
    };
    let Some(first) = chosen.first().filter(|c| has_all(c)) else {
        let asked = chosen.first().copied();
        return Err(refused(missing_streams(asked, &cameras, &listed, index, (frames, events))));
    };
    // The first camera whose frames can be used is played.
    let mut failure = None;
    for camera in chosen.iter().take(TRIED) {
        match of_camera(reader, index, options, camera, (frames, events)) {
            Ok(mut setup) => {
                others(&mut setup, &cameras);
                return Ok(setup);
            }
            Err(TapeError::Refused(why)) => {
                let why = if cameras.len() > 1 { format!("{}: {why}", camera.name) } else { why };
                failure.get_or_insert(why);
            }
            Err(e) => return Err(e),
        }
    }
    Err(refused(failure.unwrap_or_else(|| first.describe())))
}

/// Names the cameras that are not played.
fn others(setup: &mut Setup, cameras: &[Camera]) {
    let not: Vec<&str> =
        cameras.iter().filter(|c| c.name != setup.camera).map(|c| c.name.as_str()).collect();
    if !not.is_empty() {
        let text = format!(
            "it has {} cameras: {} is played, not {} (choose with replay:FILE,camera=NAME)",
            cameras.len(),
            setup.camera,
            joined(&not)
        );
        setup.warnings.insert(0, text);
    }
}

/// The frames that are played.
struct ChosenFrames<'a> {
    stream: &'a StreamInfo,
    seen: SurveyedFrames,
    source: FrameSource,
}

/// Chooses the stream of frames: one of the image sensor, or the first one of an unknown source.
fn choose_frames<'a>(
    reader: &mut Reader,
    index: &Index,
    camera: &'a Camera,
) -> Result<ChosenFrames<'a>, TapeError> {
    let (mut chosen, mut computed) = (None, None);
    for stream in &camera.frames {
        let seen = survey(reader, index, stream.number, |l| {
            let sensor = l.sources.contains_key(&FrameSource::Sensor);
            let unknown = l.sources.contains_key(&FrameSource::Unknown);
            l.heads.len() >= LOOKED_AT && (sensor || unknown)
        })?;
        if seen.heads.is_empty() {
            continue;
        }
        match source(&seen, stream) {
            Ok(FrameSource::Sensor) => {
                return Ok(ChosenFrames { stream, seen, source: FrameSource::Sensor });
            }
            Ok(source) if chosen.is_none() => chosen = Some(ChosenFrames { stream, seen, source }),
            Ok(_) => {}
            Err(source) => computed = computed.or(Some(source)),
        }
    }
    chosen.ok_or_else(|| {
        refused(match computed {
            Some(source) => format!(
                "its frames are {}, not from an image sensor: there is no blurry frame to restore",
                source.describe()
            ),
            None => "none of its frames can be read: the file is damaged".to_owned(),
        })
    })
}

/// The other streams of events and of frames, beside those that are used.
fn unused_streams(
    camera: &Camera,
    events: Option<&StreamInfo>,
    frames: Option<&StreamInfo>,
) -> Vec<String> {
    let mut names = Vec::new();
    for (streams, used) in [(&camera.events, events), (&camera.frames, frames)] {
        let Some(used) = used else { continue };
        for other in streams.iter().filter(|s| s.number != used.number) {
            let name = if other.output.is_empty() { "unnamed" } else { &other.output };
            names.push(format!("{} ({name})", other.number));
        }
    }
    names
}

/// The size of the event sensor, or of the frames where they are played alone.
fn sensor_size(
    reader: &mut Reader,
    index: &Index,
    options: &ReplayOptions,
    (events, frames): (Option<&StreamInfo>, Option<&ChosenFrames<'_>>),
    warnings: &mut Vec<String>,
) -> Result<Size, TapeError> {
    let frame_size = frames.and_then(|f| f.stream.size);
    let used = |f: &ChosenFrames<'_>| -> Vec<FrameHead> {
        f.seen.heads.iter().filter(|h| h.source == f.source).copied().collect()
    };
    let used = frames.map(used).unwrap_or_default();
    let Some(events) = events else {
        let size = used.first().map(|h| h.size).or(frame_size);
        return size.ok_or_else(|| refused("no frame in it"));
    };
    let sample = sensor::sample(reader, of_stream(index, events.number))?;
    let stated = events.size.or(reader.size_in_text());
    let known = sensor::SizeEvidence { option: options.sensor, stated, frame_size };
    let size = sensor::size(&known, &used, &sample, warnings).map_err(refused)?;
    if size.width.max(size.height) > MAX_SENSOR_SIDE {
        return Err(refused(format!(
            "an event sensor of {size} pixels, as the header states, is larger than the \
             {MAX_SENSOR_SIDE} a side that are supported: state the right size with ,sensor=WxH"
        )));
    }
    Ok(size)
}

/// The setup for one camera, of which frames, events or both are played.
fn of_camera(
    reader: &mut Reader,
    index: &Index,
    options: &ReplayOptions,
    camera: &Camera,
    (frames, events): (bool, bool),
) -> Result<Setup, TapeError> {
    let mut warnings = Vec::new();
    let events = camera.events.first().filter(|_| events);
    let frames = match frames {
        true => Some(choose_frames(reader, index, camera)?),
        false => None,
    };
    let unused = unused_streams(camera, events, frames.as_ref().map(|f| f.stream));
    if !unused.is_empty() {
        warnings.push(format!("streams that are not used: {}", joined(&unused)));
    }
    let source = frames.as_ref().map_or(FrameSource::Unknown, |f| f.source);
    if let Some(frames) = &frames {
        for other in frames.seen.sources.keys().filter(|s| **s != source) {
            warnings.push(format!("frames that are {} are not used", other.describe()));
        }
    }
    let size = sensor_size(reader, index, options, (events, frames.as_ref()), &mut warnings)?;
    // A size that the user states is that of the frames' own pixels too.
    let frame_grid = frames.as_ref().and_then(|f| f.stream.size);
    let frame_grid = frame_grid.filter(|_| events.is_some() && options.sensor.is_none());
    let exposure_us = options.exposure_us;
    let grids = Grids { events: size, frames: frame_grid, source, exposure_us };
    let mut region = Region::whole(size);
    let mut whites = Vec::new();
    if let Some(frames) = &frames {
        let (head, first) = first_usable(reader, index, frames.stream.number, &grids)?;
        region = first;
        if region != Region::whole(size) {
            warnings.push(format!(
                "frames show {} pixels at ({}, {}) of the event sensor's {size}: events outside are \
                 left out",
                region.size, region.x, region.y
            ));
        }
        whites = samples(reader, index, frames.stream.number, options.bits, &mut warnings)?;
        if options.exposure_us.is_some() && head.exposure.is_some() {
            warnings.push("frames state their exposure, which is used".to_owned());
        }
    }
    let events = events.map(|s| s.number);
    let frames = frames.map(|f| f.stream.number);
    let triggers = camera.triggers.first().map(|s| s.number);
    let numbers: Vec<i32> = [events, frames, triggers].into_iter().flatten().collect();
    let places: Vec<PacketPlace> =
        index.packets.iter().filter(|p| numbers.contains(&p.stream)).copied().collect();
    let camera = camera.name.clone();
    Ok(Setup { camera, places, events, frames, grids, region, whites, warnings })
}
