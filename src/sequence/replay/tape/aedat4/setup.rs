//! What of a file is played and how, decided when it is opened. A file of which nothing can be
//! played is refused here, with the reason.

use super::choice::{self, Camera};
use super::geometry::{Grids, MAX_SENSOR_SIDE, Region, Unusable};
use super::sensor;
use crate::camera::split::StreamKind;
use crate::formats::aedat4::{
    Aedat4Error, FrameHead, FrameSource, Index, PacketKind, PacketPlace, Part, Reader, SampleType,
    StreamInfo, White,
};
use crate::sequence::replay::options::ReplayOptions;
use crate::sequence::replay::tape::timeline::TapeError;
use std::collections::BTreeMap;

/// Frames that are looked at first; if none of them can be used, up to [`MOST_LOOKED_AT`].
const LOOKED_AT: usize = 32;
/// A file is refused if none of this many frames can be used.
const MOST_LOOKED_AT: usize = 2000;
/// Frames whose samples are read to find how many bits are used.
const SAMPLED: usize = 64;

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

/// Frames of a stream, as far as they were looked at.
struct Looked {
    heads: Vec<FrameHead>,
    /// The sources of the frames, and how many each.
    sources: BTreeMap<FrameSource, usize>,
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
    for place in &index.packets {
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
        return Err(lacking(asked, &cameras, &listed, index, (frames, events)));
    };
    // A camera whose frames cannot be used gives way to one whose frames can.
    let mut failure = None;
    for camera in &chosen {
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
            not.join(", ")
        );
        setup.warnings.insert(0, text);
    }
}

/// Why no camera has all that is needed.
fn lacking(
    asked: Option<&Camera>,
    cameras: &[Camera],
    listed: &[StreamInfo],
    index: &Index,
    (frames, events): (bool, bool),
) -> TapeError {
    let cameras = asked.map_or_else(|| cameras.to_vec(), |camera| vec![camera.clone()]);
    let damaged = index.packets.iter().filter(|p| p.kind == PacketKind::Damaged).count();
    let with_events = cameras.iter().find(|c| !c.events.is_empty());
    let with_frames = cameras.iter().find(|c| !c.frames.is_empty());
    let of = asked.map(|c| format!(" of {}", c.name)).unwrap_or_default();
    let cut = if index.cut_off { "; the file is cut off" } else { "" };
    refused(match (with_events, with_frames) {
        _ if index.packets.is_empty() => format!("no packet in it{cut}"),
        _ if damaged == index.packets.len() => {
            format!("none of its {damaged} packets can be read: the file is damaged")
        }
        (None, None) => {
            let names: Vec<&str> = listed.iter().map(|s| s.type_name.as_str()).collect();
            let names = if names.is_empty() { "nothing known".into() } else { names.join(", ") };
            format!("neither frames nor events{of} in it, only {names}{cut}")
        }
        (Some(one), None) if frames => format!(
            "no frames{of} in it, only events: a camera without an image sensor (such as a \
             DVXplorer) gives none. Add a recording of a frame camera: --frame-source \
             replay:FRAMES --event-source replay:THIS,camera={}{cut}",
            one.name
        ),
        (None, Some(one)) if events => format!(
            "no events{of} in it, only frames: without events nothing can be restored. Add a \
             recording of an event camera: --frame-source replay:THIS,camera={} --event-source \
             replay:EVENTS{cut}",
            one.name
        ),
        (Some(one), Some(two)) => format!(
            "its events come from {0} and its frames from {1}, which do not share their pixels. Play \
             them as two cameras: --frame-source replay:FILE,camera={1} --event-source \
             replay:FILE,camera={0}",
            one.name, two.name
        ),
        _ => "it does not have the stream that is needed".to_owned(),
    })
}

fn of_stream(index: &Index, number: i32) -> impl Iterator<Item = &PacketPlace> {
    index.packets.iter().filter(move |p| p.stream == number)
}

/// Looks at the frames of a stream until `enough` is true of what was seen.
fn look(
    reader: &mut Reader,
    index: &Index,
    stream: i32,
    enough: impl Fn(&Looked) -> bool,
) -> Result<Looked, Aedat4Error> {
    let mut looked = Looked { heads: Vec::new(), sources: BTreeMap::new() };
    for place in of_stream(index, stream).take(MOST_LOOKED_AT) {
        if enough(&looked) {
            break;
        }
        if let Some(head) = reader.peek(place.at)?.frame {
            *looked.sources.entry(head.source).or_default() += 1;
            looked.heads.push(head);
        }
    }
    Ok(looked)
}

/// The source of the frames that are used; an error if all of them were computed.
fn source(looked: &Looked, stream: &StreamInfo) -> Result<FrameSource, FrameSource> {
    let has = |source| looked.sources.contains_key(&source);
    // Files of the older recording software do not state the source, but what made the stream.
    let made = format!("{} {}", stream.module, stream.output).to_lowercase();
    let accumulated = made.contains("accumul");
    match looked.sources.keys().find(|s| matches!(s, FrameSource::Computed(_))) {
        _ if has(FrameSource::Sensor) => Ok(FrameSource::Sensor),
        _ if has(FrameSource::Unknown) && !accumulated => Ok(FrameSource::Unknown),
        Some(computed) => Err(*computed),
        None => Err(FrameSource::Computed(2)),
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
            let looked = look(reader, index, stream.number, |l| {
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
        warnings.push(format!("streams that are not used: {}", unused.join(", ")));
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
    let known = sensor::Known { option: options.sensor, stated, frame_size };
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
        if options.exposure_us.is_some() && head.exposure_us.is_some() {
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

/// The first frame that can be used, and its region.
fn first_usable(
    reader: &mut Reader,
    index: &Index,
    stream: i32,
    grids: &Grids,
) -> Result<(FrameHead, Region), TapeError> {
    let looked = look(reader, index, stream, |l| {
        l.heads.last().is_some_and(|head| grids.place(head).is_ok())
    })?;
    if let Some(head) = looked.heads.last()
        && let Ok(placed) = grids.place(head)
    {
        return Ok((*head, placed.region));
    }
    // The most frequent reason; frames of other sources are no reason.
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for why in looked.heads.iter().filter_map(|head| grids.place(head).err()) {
        if !matches!(why, Unusable::Source(_)) {
            *reasons.entry(why.to_string()).or_default() += 1;
        }
    }
    let most = reasons.into_iter().max_by_key(|(_, count)| *count);
    let why = most.map_or_else(|| "the file is damaged".to_owned(), |(why, _)| why);
    Err(refused(format!("none of its frames can be used: {why}")))
}

/// White of frames with more than eight bits, from some frames of all parts of the file.
fn samples(
    reader: &mut Reader,
    index: &Index,
    stream: i32,
    bits: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(SampleType, White)>, TapeError> {
    let places: Vec<PacketPlace> = of_stream(index, stream).copied().collect();
    let step = places.len().div_ceil(SAMPLED).max(1);
    let mut largest: Vec<(SampleType, f64)> = Vec::new();
    for place in places.iter().step_by(step) {
        let depth = reader.peek(place.at)?.frame.and_then(|head| head.samples());
        let Some((depth, _)) = depth.filter(|(depth, _)| *depth != SampleType::U8) else {
            continue;
        };
        reader.go(place.at);
        let max = match reader.next_packet() {
            Ok(Some(packet)) => match packet.part {
                Part::Frame(frame) => frame.max(),
                _ => None,
            },
            Ok(None) | Err(Aedat4Error::Packet { .. }) => None,
            Err(e) => return Err(e.into()),
        };
        let Some(max) = max else { continue };
        match largest.iter_mut().find(|(known, _)| *known == depth) {
            Some((_, largest)) => *largest = largest.max(max),
            None => largest.push((depth, max)),
        }
    }
    reader.renew();
    let mut whites = Vec::new();
    for (depth, max) in largest {
        let stated = bits.filter(|_| depth == SampleType::U16).map(White::bits);
        let white = stated.or_else(|| White::of(depth, max)).ok_or_else(|| {
            refused(format!("its frames have samples up to {max}: neither 0 to 1 nor 0 to 255"))
        })?;
        if depth == SampleType::U16 && stated.is_none() {
            warnings.push(format!(
                "16-bit frames with samples up to {max}: {} bits are taken as the range (another \
                 one with ,bits=N)",
                white.bit_count()
            ));
        }
        whites.push((depth, white));
    }
    Ok(whites)
}
