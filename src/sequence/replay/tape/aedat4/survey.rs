//! Looks at the frames of a stream: what made them, whether they can be used, how many bits they
//! have.

use super::geometry::{Grids, Region, Unusable};
use crate::formats::aedat4::{
    Aedat4Error, FrameHead, FrameSource, Index, PacketPlace, Part, Reader, SampleType, StreamInfo,
    White,
};
use crate::sequence::replay::tape::timeline::TapeError;
use std::collections::BTreeMap;

/// Frames that are looked at first; if none of them can be used, up to [`MOST_LOOKED_AT`].
pub(super) const LOOKED_AT: usize = 32;
/// A file is refused if none of this many frames can be used.
const MOST_LOOKED_AT: usize = 2000;
/// Frames whose samples are read to find how many bits are used.
const SAMPLED: usize = 64;

fn refused(why: impl Into<String>) -> TapeError {
    TapeError::Refused(why.into())
}

/// Frames of a stream, as far as they were looked at.
pub(super) struct SurveyedFrames {
    pub(super) heads: Vec<FrameHead>,
    /// The sources of the frames, and how many each.
    pub(super) sources: BTreeMap<FrameSource, usize>,
}

pub(super) fn of_stream(index: &Index, number: i32) -> impl Iterator<Item = &PacketPlace> {
    index.packets.iter().filter(move |p| p.stream == number)
}

/// Looks at the frames of a stream until `enough` is true of what was seen.
pub(super) fn survey(
    reader: &mut Reader,
    index: &Index,
    stream: i32,
    enough: impl Fn(&SurveyedFrames) -> bool,
) -> Result<SurveyedFrames, Aedat4Error> {
    let mut looked = SurveyedFrames { heads: Vec::new(), sources: BTreeMap::new() };
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
pub(super) fn source(
    looked: &SurveyedFrames,
    stream: &StreamInfo,
) -> Result<FrameSource, FrameSource> {
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

/// The first frame that can be used, and its region.
pub(super) fn first_usable(
    reader: &mut Reader,
    index: &Index,
    stream: i32,
    grids: &Grids,
) -> Result<(FrameHead, Region), TapeError> {
    let looked = survey(reader, index, stream, |l| {
        l.heads.last().is_some_and(|head| grids.place(head).is_ok())
    })?;
    if let Some(head) = looked.heads.last()
        && let Ok(placed) = grids.place(head)
    {
        return Ok((*head, placed.region));
    }
    // The most frequent reason; frames of other sources are not a reason.
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
pub(super) fn samples(
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
        reader.seek(place.at);
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
    reader.reset_unpacked_count();
    let mut whites = Vec::new();
    for (depth, max) in largest {
        let stated = bits.filter(|_| depth == SampleType::U16).map(White::bits);
        let white = stated.or_else(|| White::of(depth, max)).ok_or_else(|| {
            refused(format!(
                "its floating-point frames have samples up to {max}: scale them to 0 to 1, or to 0 \
                 to 255"
            ))
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
