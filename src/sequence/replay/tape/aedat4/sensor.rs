//! The size of the event sensor: as stated, or from frames and events.

use super::geometry::ratio;
use crate::formats::aedat4::{Aedat4Error, FrameHead, PacketKind, PacketPlace, Part, Reader};
use crate::image::Size;

/// Packets of events that are read to see which pixels they come from.
const SAMPLED: usize = 16;
/// More events than this fraction beyond a sensor's size: the size is wrong. Fewer are damage,
/// and counted while they are played.
const STRAYS: f64 = 0.05;

/// The pixels that some events come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Pixels of the events.
    pixels: Vec<(u16, u16)>,
}

/// Reads events from all parts of a file.
pub(super) fn sample<'a>(
    reader: &mut Reader,
    places: impl Iterator<Item = &'a PacketPlace>,
) -> Result<Extent, Aedat4Error> {
    /// Enough to see all parts of a sensor.
    const MOST: usize = 200_000;
    let places: Vec<u64> = places.filter(|p| p.kind == PacketKind::Events).map(|p| p.at).collect();
    let step = places.len().div_ceil(SAMPLED).max(1);
    let mut extent = Extent::default();
    for at in places.iter().step_by(step) {
        reader.seek(*at);
        match reader.next_packet() {
            Ok(Some(packet)) => {
                if let Part::Events(events) = packet.part {
                    extent.pixels.extend(events.iter().map(|e| (e.x, e.y)));
                }
            }
            Ok(None) | Err(Aedat4Error::Packet { .. }) => {}
            Err(e) => return Err(e),
        }
        if extent.pixels.len() > MOST {
            break;
        }
    }
    reader.reset_unpacked_count();
    Ok(extent)
}

impl Extent {
    /// Columns and rows that hold the events, but for the strays beyond them.
    fn size(&self) -> Option<Size> {
        let side = |coordinate: fn(&(u16, u16)) -> u16| {
            let mut all: Vec<u16> = self.pixels.iter().map(coordinate).collect();
            all.sort_unstable();
            let last = all.len().checked_sub(1 + all.len() / 1000)?;
            all.get(last).map(|n| usize::from(*n) + 1)
        };
        Some(Size::new(side(|p| p.0)?, side(|p| p.1)?))
    }

    /// Whether the events come from a sensor of this size, but for a few strays.
    fn fits(&self, size: Size) -> bool {
        let beyond =
            |(x, y): &&(u16, u16)| usize::from(*x) >= size.width || usize::from(*y) >= size.height;
        let beyond = self.pixels.iter().filter(beyond).count();
        beyond as f64 <= STRAYS * self.pixels.len() as f64
    }
}

/// What is known of the size.
#[derive(Clone, Copy, Debug)]
pub(super) struct SizeEvidence {
    /// As the user states it.
    pub(super) option: Option<Size>,
    /// As the header states it for the events.
    pub(super) stated: Option<Size>,
    /// As the header states it for the frames.
    pub(super) frame_size: Option<Size>,
}

/// The event sensor's size. `frames` are some frames that are used.
///
/// # Errors
/// What is known does not fit together, or is not enough.
pub(super) fn size(
    known: &SizeEvidence,
    frames: &[FrameHead],
    events: &Extent,
    warnings: &mut Vec<String>,
) -> Result<Size, String> {
    if let Some(size) = known.option {
        return Ok(size);
    }
    let extent = events.size();
    // The pixels of the image sensor, as far as frames show them.
    let shown = frames.iter().map(|h| {
        let side = |at: i16| usize::try_from(at).unwrap_or(0);
        let (x, y) = (side(h.position.0), side(h.position.1));
        Size::new(x.saturating_add(h.size.width), y.saturating_add(h.size.height))
    });
    let larger = |a: Size, b: Size| Size::new(a.width.max(b.width), a.height.max(b.height));
    let shown = shown.reduce(larger);
    let add = "state its size with ,sensor=WIDTHxHEIGHT";
    let Some(stated) = known.stated else {
        let Some(candidate) = known.frame_size.or(shown) else {
            // Events alone.
            return extent.ok_or_else(|| format!("the event sensor's size is unknown: {add}"));
        };
        let Some(extent) = extent else { return Ok(candidate) };
        let within = Size::new(extent.width * 2, extent.height * 2);
        let many = events.pixels.len() >= 1000;
        if many && within.width <= candidate.width && within.height <= candidate.height {
            return Err(format!(
                "the header does not state the event sensor's size; events come from {extent} \
                 pixels, frames have {candidate}: {add}"
            ));
        }
        if !events.fits(candidate) {
            return Err(format!(
                "the header does not state the event sensor's size, and events lie beyond the \
                 frames' {candidate} pixels (they reach {extent}): {add}"
            ));
        }
        warnings.push(format!(
            "the header does not state the event sensor's size: {candidate}, as the frames have"
        ));
        return Ok(candidate);
    };
    if events.fits(stated) {
        return Ok(stated);
    }
    match shown.filter(|shown| events.fits(*shown) && ratio(*shown, stated) != Some(1)) {
        Some(shown) => {
            warnings.push(format!(
                "events lie beyond the {stated} pixels that the header states: {shown}, as the \
                 frames have, is taken as the event sensor's size (another one with ,sensor=WxH)"
            ));
            Ok(shown)
        }
        None => {
            let extent = extent.unwrap_or(stated);
            Err(format!(
                "events reach {extent} pixels, beyond the {stated} that the header states: {add}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::aedat4::FrameSource;

    /// Events of all pixels of a sensor.
    fn extent(width: u16, height: u16) -> Extent {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).collect();
        Extent { pixels }
    }

    fn frame(width: usize, height: usize) -> FrameHead {
        FrameHead {
            t_us: 0,
            exposure: None,
            format: 0,
            size: Size::new(width, height),
            position: (0, 0),
            source: FrameSource::Sensor,
        }
    }

    fn found(stated: Option<Size>, frames: &[FrameHead], events: &Extent) -> Result<Size, String> {
        let known = SizeEvidence { option: None, stated, frame_size: None };
        size(&known, frames, events, &mut Vec::new())
    }

    #[test]
    fn the_size_is_that_which_header_frames_and_events_agree_on() {
        let (all, sensor) = (extent(48, 32), Size::new(48, 32));
        assert_eq!(found(Some(sensor), &[frame(96, 64)], &all), Ok(sensor));
        assert_eq!(found(None, &[frame(48, 32)], &all), Ok(sensor));
        assert_eq!(found(None, &[], &all), Ok(sensor));
        // The header states too little; the frames agree with the events.
        assert_eq!(found(Some(Size::new(24, 16)), &[frame(48, 32)], &all), Ok(sensor));
        assert!(found(Some(Size::new(24, 16)), &[frame(24, 16)], &all).is_err());
        // It is unknown whether a frame's pixel is an event's.
        assert!(found(None, &[frame(96, 64)], &all).is_err());
        assert!(found(None, &[frame(24, 16)], &all).is_err());
        assert!(found(None, &[], &Extent::default()).is_err());
        // A few strays do not matter.
        let mut strays = all.clone();
        strays.pixels.push((60_000, 3));
        assert_eq!(found(Some(sensor), &[frame(48, 32)], &strays), Ok(sensor));
    }
}
