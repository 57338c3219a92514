//! What of a file is played and how, decided when it is opened. A file of which nothing can be
//! played is refused here, with the reason.

use super::choice::{self, Camera, joined};
use super::geometry::{Grids, MAX_SENSOR_SIDE, Region};
use super::refusal::missing_streams;
use super::sensor;
use super::survey::{LOOKED_AT, first_usable, of_stream, samples, source, survey};
use crate::camera::split::StreamKind;
use crate::formats::aedat4::{
    FrameHead, FrameSource, Index, PacketKind, PacketPlace, Reader, SampleType, White,
};
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
    // A camera whose frames cannot be used gives way to one whose frames can.
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

/// The setup for one camera.
fn of_camera(
    reader: &mut Reader,
    index: &Index,
    options: &ReplayOptions,
    camera: &Camera,
    (frames, events): (bool, bool),
) -> Result<Setup, TapeError> {
    let mut warnings = Vec::new();
    let chosen_events = camera.events.first().filter(|_| events);
    let mut chosen = None;
    let mut computed = None;
    if frames {
        for stream in &camera.frames {
            let looked = survey(reader, index, stream.number, |l| {
                let sensor = l.sources.contains_key(&FrameSource::Sensor);
                let unknown = l.sources.contains_key(&FrameSource::Unknown);
                l.heads.len() >= LOOKED_AT && (sensor || unknown)
            })?;
            if looked.heads.is_empty() {
                continue;
            }
            match source(&looked, stream) {
                Ok(FrameSource::Sensor) => {
                    chosen = Some((stream, looked, FrameSource::Sensor));
                    break;
                }
                Ok(source) if chosen.is_none() => chosen = Some((stream, looked, source)),
                Ok(_) => {}
                Err(source) => computed = computed.or(Some(source)),
            }
        }
        if chosen.is_none() {
            return Err(refused(match computed {
                Some(source) => format!(
                    "its frames are {}, not from an image sensor: there is no blurry frame to \
                     restore",
                    source.describe()
                ),
                None => "none of its frames can be read: the file is damaged".to_owned(),
            }));
        }
    }
    let unused: Vec<String> = camera
        .events
        .iter()
        .filter(|s| events && Some(s.number) != chosen_events.map(|e| e.number))
        .chain(camera.frames.iter().filter(|s| {
            frames && Some(s.number) != chosen.as_ref().map(|(stream, ..)| stream.number)
        }))
        .map(|s| {
            format!("{} ({})", s.number, if s.output.is_empty() { "unnamed" } else { &s.output })
        })
        .collect();
    if !unused.is_empty() {
        warnings.push(format!("streams that are not used: {}", joined(&unused)));
    }
    let heads = chosen.as_ref().map_or(&[][..], |(_, looked, _)| looked.heads.as_slice());
    let source = chosen.as_ref().map_or(FrameSource::Unknown, |(_, _, source)| *source);
    if let Some((_, looked, _)) = &chosen {
        for other in looked.sources.keys().filter(|s| **s != source) {
            warnings.push(format!("frames that are {} are not used", other.describe()));
        }
    }
    let frame_size = chosen.as_ref().and_then(|(stream, ..)| stream.size);
    let sample = match chosen_events {
        Some(stream) => sensor::sample(reader, of_stream(index, stream.number))?,
        None => sensor::Extent::default(),
    };
    let stated = chosen_events.and_then(|s| s.size).or(reader.size_in_text());
    let known = sensor::SizeEvidence { option: options.sensor, stated, frame_size };
    let used: Vec<FrameHead> = heads.iter().filter(|h| h.source == source).copied().collect();
    let sensor_size = match chosen_events {
        Some(_) => sensor::size(&known, &used, &sample, &mut warnings).map_err(refused)?,
        // Frames alone lie on their own grid.
        None => {
            used.first().map(|h| h.size).or(frame_size).ok_or_else(|| refused("no frame in it"))?
        }
    };
    if chosen_events.is_some() && sensor_size.width.max(sensor_size.height) > MAX_SENSOR_SIDE {
        return Err(refused(format!(
            "an event sensor of {sensor_size} pixels, as the header states, is larger than the \
             {MAX_SENSOR_SIDE} a side that are supported: state the right size with ,sensor=WxH"
        )));
    }
    let frame_grid = match chosen_events {
        // A size that the user states is that of the frames' own pixels too.
        Some(_) => frame_size.filter(|_| options.sensor.is_none()),
        None => None,
    };
    let exposure_us = options.exposure_us;
    let grids = Grids { events: sensor_size, frames: frame_grid, source, exposure_us };
    let mut region = Region::whole(sensor_size);
    let mut whites = Vec::new();
    if let Some((stream, ..)) = &chosen {
        let (head, first) = first_usable(reader, index, stream.number, &grids)?;
        region = first;
        if region != Region::whole(sensor_size) {
            warnings.push(format!(
                "frames show {} pixels at ({}, {}) of the event sensor's {sensor_size}: events \
                 outside are left out",
                region.size, region.x, region.y
            ));
        }
        whites = samples(reader, index, stream.number, options.bits, &mut warnings)?;
        if options.exposure_us.is_some() && head.exposure.is_some() {
            warnings.push("frames state their exposure, which is used".to_owned());
        }
    }
    let numbers: Vec<i32> = chosen_events
        .map(|s| s.number)
        .into_iter()
        .chain(chosen.as_ref().map(|(s, ..)| s.number))
        .chain(camera.triggers.first().map(|s| s.number))
        .collect();
    let places: Vec<PacketPlace> =
        index.packets.iter().filter(|p| numbers.contains(&p.stream)).copied().collect();
    Ok(Setup {
        camera: camera.name.clone(),
        places,
        events: chosen_events.map(|s| s.number),
        frames: chosen.as_ref().map(|(stream, ..)| stream.number),
        grids,
        region,
        whites,
        warnings,
    })
}
