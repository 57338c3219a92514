//! libcaer's packets, read from their bytes.
//!
//! Layouts as in libcaer 3.3 (`events/common.h`, `polarity.h`, `special.h`, `frame.h`): packed,
//! in the byte order of this computer.

use crate::event::{Event, TriggerEdge};
use crate::image::{ImagePool, ImageU8, Size};

/// Bytes of a packet's header.
pub(super) const HEADER: usize = 28;
/// Bytes of a container before its pointers.
pub(super) const CONTAINER: usize = 28;
/// Bytes of a frame before its pixels.
const FRAME: usize = 36;
/// No packet is larger; a header that says otherwise is not believed.
const LARGEST: usize = 1 << 30;

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Special,
    Polarity,
    Frame,
    Inertial,
    Other,
}

/// A packet's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    size: usize,
    time_offset: usize,
    overflow: i64,
    number: usize,
}

/// A word of four bytes; zero where the bytes end, which lengths were checked to prevent.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn signed(bytes: &[u8], at: usize) -> i64 {
    i64::from(word(bytes, at).cast_signed())
}

/// The number of packets that a container's header announces.
pub(super) fn packets_in(container: &[u8; CONTAINER]) -> usize {
    usize::try_from(signed(container, 24)).unwrap_or(0)
}

impl Header {
    /// `None` where the numbers cannot be true.
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let kind = match word(bytes, 0) & 0xffff {
            0 => Kind::Special,
            1 => Kind::Polarity,
            2 => Kind::Frame,
            3 => Kind::Inertial,
            _ => Kind::Other,
        };
        let natural = |at: usize| usize::try_from(signed(bytes, at)).ok();
        let header = Self {
            kind,
            size: natural(4)?,
            time_offset: natural(8)?,
            overflow: signed(bytes, 12),
            number: natural(20)?,
        };
        let sound = header.size >= 8
            && header.time_offset.checked_add(4)? <= header.size
            && header.number <= natural(16)?
            && header.overflow >= 0
            && header.size.checked_mul(header.number)? <= LARGEST;
        sound.then_some(header)
    }

    /// Bytes of all events that follow the header.
    pub(super) fn length(&self) -> usize {
        self.size * self.number
    }

    /// How many events follow.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Time stamps have 31 bits; the header counts how often they have wrapped.
    fn time(&self, stamp: u32) -> i64 {
        (self.overflow << 31) + i64::from(stamp & 0x7fff_ffff)
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

/// Appends polarity events; how many were marked invalid or lie outside the sensor.
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

/// What a special event says that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// The clock was set to zero.
    Reset,
    /// An edge on the input or of the generator, and when.
    Edge(TriggerEdge, i64),
}

/// The special events that matter.
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

/// A frame and its exposure in microseconds.
pub(super) struct Frame {
    pub(super) start_us: i64,
    pub(super) end_us: i64,
    pub(super) picture: ImageU8,
}

/// The frames of a packet, in memory of `pictures`; `None` for one that is marked invalid or
/// makes no sense.
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
        let mut picture = ImageU8::in_store(pictures, channels == 3, size, 0);
        // Sixteen bits of which a DAVIS fills the upper ten; red, green, blue to planes of blue,
        // green, red.
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
