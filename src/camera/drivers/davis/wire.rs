//! Parses libcaer's packets.
//!
//! Layouts from libcaer 3.3 (`events/common.h`, `polarity.h`, `special.h`, `frame.h`): packed,
//! in native byte order.

use crate::event::{Event, TriggerEdge};
use crate::image::{ImagePool, ImageU8, Size};

/// Size of a packet header in bytes.
pub(super) const HEADER: usize = 28;
/// Size of a container in bytes, without its pointers.
pub(super) const CONTAINER: usize = 28;
/// Size of a frame in bytes, without its pixels.
const FRAME: usize = 36;
/// Upper limit for the size of a packet in bytes; larger headers are rejected.
const MAX_BYTES: usize = 1 << 30;

/// Type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Special,
    Polarity,
    Frame,
    Inertial,
    Other,
}

/// A packet header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    size: usize,
    time_offset: usize,
    overflow: i64,
    number: usize,
}

/// A 32-bit word; zero past the end of `bytes`, which the length checks prevent.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn signed(bytes: &[u8], at: usize) -> i64 {
    i64::from(word(bytes, at).cast_signed())
}

/// Number of packets in a container, from its header.
pub(super) fn packets_in(container: &[u8; CONTAINER]) -> usize {
    usize::try_from(signed(container, 24)).unwrap_or(0)
}

impl Header {
    /// Parses a header; `None` if its values are not plausible.
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let kind = match word(bytes, 0) & 0xffff {
            0 => Kind::Special,
            1 => Kind::Polarity,
            2 => Kind::Frame,
            3 => Kind::Inertial,
            _ => Kind::Other,
        };
        let unsigned = |at: usize| usize::try_from(signed(bytes, at)).ok();
        let header = Self {
            kind,
            size: unsigned(4)?,
            time_offset: unsigned(8)?,
            overflow: signed(bytes, 12),
            number: unsigned(20)?,
        };
        let valid = header.size >= 8
            && header.time_offset.checked_add(4)? <= header.size
            && header.number <= unsigned(16)?
            && header.overflow >= 0
            && header.size.checked_mul(header.number)? <= MAX_BYTES;
        valid.then_some(header)
    }

    /// Size in bytes of all events after the header.
    pub(super) fn length(&self) -> usize {
        self.size * self.number
    }

    /// Number of events after the header.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Timestamps have 31 bits; the header counts their overflows.
    fn time(&self, timestamp: u32) -> i64 {
        (self.overflow << 31) + i64::from(timestamp & 0x7fff_ffff)
    }

    /// The time of the first event, in microseconds.
    pub(super) fn first_us(&self, events: &[u8]) -> Option<i64> {
        self.number.checked_sub(1)?;
        events.get(self.time_offset..self.time_offset + 4)?;
        Some(self.time(word(events, self.time_offset)))
    }

    /// The time of the last event, in microseconds.
    pub(super) fn last_us(&self, events: &[u8]) -> Option<i64> {
        let last = self.number.checked_sub(1)?;
        let at = last * self.size + self.time_offset;
        events.get(at..at + 4)?;
        Some(self.time(word(events, at)))
    }
}

/// Appends polarity events to `out`. Returns the number of events that are marked invalid or lie
/// outside the sensor.
pub(super) fn polarity(header: &Header, bytes: &[u8], sensor: Size, out: &mut Vec<Event>) -> u64 {
    let before = out.len();
    out.reserve(header.number);
    for event in bytes.chunks_exact(header.size) {
        let data = word(event, 0);
        let (x, y) = ((data >> 17) as u16, ((data >> 2) & 0x7fff) as u16);
        if data & 1 == 1 && usize::from(x) < sensor.width && usize::from(y) < sensor.height {
            out.push(Event { t_us: header.time(word(event, 4)), x, y, polarity: data & 2 != 0 });
        }
    }
    (header.number - (out.len() - before)) as u64
}

/// The special events used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// The clock was reset to zero.
    Reset,
    /// An edge of the input or the generator, and its time in microseconds.
    Edge(TriggerEdge, i64),
}

/// The special events of a packet that are used here.
pub(super) fn specials<'a>(
    header: &'a Header,
    bytes: &'a [u8],
) -> impl Iterator<Item = Special> + 'a {
    bytes.chunks_exact(header.size).filter_map(|event| {
        let data = word(event, 0);
        let t_us = header.time(word(event, 4));
        match (data & 1, (data >> 1) & 0x7f) {
            (1, 1) => Some(Special::Reset),
            (1, 2 | 12) => Some(Special::Edge(TriggerEdge::Rising, t_us)),
            (1, 3 | 13) => Some(Special::Edge(TriggerEdge::Falling, t_us)),
            _ => None,
        }
    })
}

/// A frame, with the start and end of its exposure in microseconds.
pub(super) struct Frame {
    pub(super) start_us: i64,
    pub(super) end_us: i64,
    pub(super) picture: ImageU8,
}

/// The frames of a packet, in buffers from `pictures`; `None` for a frame that is marked
/// invalid or malformed.
pub(super) fn frames<'a>(
    header: &'a Header,
    bytes: &'a [u8],
    pictures: &'a ImagePool<u8>,
) -> impl Iterator<Item = Option<Frame>> + 'a {
    bytes.chunks_exact(header.size).map(|frame| {
        let info = word(frame, 0);
        let channels = ((info >> 1) & 7) as usize;
        let (start_us, end_us) = (header.time(word(frame, 12)), header.time(word(frame, 16)));
        let side = |at: usize| usize::try_from(signed(frame, at)).ok();
        let size = Size::new(side(20)?, side(24)?);
        let samples = size.width.checked_mul(size.height)?.checked_mul(channels)?;
        let pixels = frame.get(FRAME..FRAME + samples.checked_mul(2)?)?;
        if info & 1 == 0 {
            return None;
        }
        if !matches!(channels, 1 | 3) || samples == 0 {
            return None;
        }
        let mut picture = ImageU8::in_pool(pictures, channels == 3, size, 0);
        // 16-bit samples, of which a DAVIS uses the upper ten bits. Interleaved red, green and
        // blue are converted to blue, green and red planes.
        let pixels = pixels.as_chunks::<2>().0.chunks_exact(channels);
        for (plane, channel) in
            picture.data_mut().chunks_exact_mut(size.area()).zip((0..channels).rev())
        {
            for (to, pixel) in plane.iter_mut().zip(pixels.clone()) {
                *to = pixel.get(channel).map_or(0, |p| (u16::from_ne_bytes(*p) >> 8) as u8);
            }
        }
        Some(Frame { start_us, end_us, picture })
    })
}

/// Parses a packet, header first, and everything in it.
#[cfg(fuzzing)]
pub(super) fn parse(bytes: &[u8], sensor: Size) {
    let Some((header, events)) = bytes.split_first_chunk::<HEADER>() else { return };
    let Some(header) = Header::read(header) else { return };
    let Some(events) = events.get(..header.length()) else { return };
    match header.kind {
        Kind::Polarity => {
            polarity(&header, events, sensor, &mut Vec::new());
        }
        Kind::Special => {
            specials(&header, events).count();
        }
        Kind::Frame => frames(&header, events, &ImagePool::default()).for_each(drop),
        Kind::Inertial | Kind::Other => {}
    }
    let _ = (header.number(), header.first_us(events), header.last_us(events));
}
