//! The words of iniVation's cameras. They are decoded by the crate; this file adds what it leaves out:
//! resets of the clock, wraps of the time that were counted rather than sent one by one, and the
//! number of events that lie beyond the sensor.

use super::decoded::{Decoded, Frame, add_edges, add_event, microseconds, words};
use super::port::Orientation;
use crate::image::{ImagePool, ImageU8, Size};
use crate::time::RangeUs;
use neuromorphic_drivers::adapters::{davis346, dvxplorer};
use neuromorphic_drivers::{inivation_davis346, inivation_dvxplorer};

/// The word of a clock that was reset.
const RESET: u16 = 0x0001;
/// Type of the words that state how often the fifteen bits of the time wrapped.
const WRAP: u16 = 0x7;
/// The word of one wrap.
const ONE_WRAP: [u8; 2] = 0x7001_u16.to_le_bytes();

/// A piece of a buffer.
enum Piece<'a> {
    Words(&'a [u8]),
    Reset,
    /// The time has wrapped this often.
    Wraps(u16),
}

/// Splits a buffer at resets and at several wraps in one word.
fn split(bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
    let mut from = 0;
    for (number, word) in words(bytes).enumerate() {
        let piece = match (word, word >> 12, word & 0xfff) {
            (RESET, ..) => Piece::Reset,
            (_, WRAP, wraps @ 2..) => Piece::Wraps(wraps),
            _ => continue,
        };
        each(Piece::Words(bytes.get(from..2 * number).unwrap_or_default()));
        each(piece);
        from = 2 * number + 2;
    }
    each(Piece::Words(bytes.get(from..).unwrap_or_default()));
}

/// Decoder of a DVXplorer's stream.
pub(super) struct Dvxplorer {
    adapter: dvxplorer::Adapter,
    sensor: Size,
    address: GroupAddress,
}

fn dvxplorer_adapter() -> dvxplorer::Adapter {
    // Both orientations concern the inertial sensor alone, which is not read.
    dvxplorer::Adapter::new(
        inivation_dvxplorer::DvsOrientation { flip_x: false, flip_y: false, invert_xy: false },
        inivation_dvxplorer::ImuOrientation { flip_x: false, flip_y: false, flip_z: false },
    )
}

impl Dvxplorer {
    pub(super) fn new(sensor: Size) -> Self {
        Self { adapter: dvxplorer_adapter(), sensor, address: GroupAddress::default() }
    }

    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Decoded) {
        let sensor = self.sensor;
        split(bytes, |piece| match piece {
            Piece::Words(bytes) => {
                out.bad += words(bytes).map(|w| self.address.beyond(w, sensor)).sum::<u64>();
                let (events, bad, edges) = (&mut out.events, &mut out.bad, &mut out.edges);
                let on_event = |event| add_event(event, sensor, events, bad);
                self.adapter.convert(bytes, on_event, |_| {}, |t| add_edges(t, edges));
                out.last_us = Some(microseconds(self.adapter.current_t()));
            }
            Piece::Reset => {
                self.adapter = dvxplorer_adapter();
                out.clock_reset();
            }
            Piece::Wraps(wraps) => {
                for _ in 0..wraps {
                    self.adapter.convert(&ONE_WRAP, |_| {}, |_| {}, |_| {});
                }
                out.last_us = Some(microseconds(self.adapter.current_t()));
            }
        });
    }
}

/// The address that the following groups of eight pixels have; `None` before the first one.
#[derive(Default)]
struct GroupAddress {
    column: Option<u16>,
    rows: Option<[i32; 2]>,
}

impl GroupAddress {
    /// Number of events of a word that lie beyond the sensor. The crate leaves them out.
    fn beyond(&mut self, word: u16, sensor: Size) -> u64 {
        match word >> 12 {
            1 => self.column = Some(word & 0x3ff),
            4 => {
                let first = i32::from(word & 0x3f);
                let offset = i32::from((word >> 6) & 0x1f);
                let second = if word & 0x800 == 0 { first + offset } else { first - offset };
                self.rows = Some([first, second]);
            }
            kind @ (2 | 3) => {
                let (Some(column), Some([first, second])) = (self.column, self.rows) else {
                    return 0;
                };
                let row = if kind == 2 { second } else { first };
                let inside = usize::from(column) < sensor.width
                    && usize::try_from(row).is_ok_and(|row| row < sensor.height / 8);
                return if inside { 0 } else { u64::from((word & 0xff).count_ones()) };
            }
            _ => {}
        }
        0
    }
}

/// Decoder of a DAVIS346's stream.
pub(super) struct Davis346 {
    adapter: davis346::Adapter,
    sensor: Size,
    invert_events: bool,
    frames: Orientation,
    /// The row of the following events; `None` before the first one.
    row: Option<u16>,
    pictures: ImagePool<u8>,
}

fn davis_adapter(invert_events: bool, frames: Orientation) -> davis346::Adapter {
    let Orientation { flip_x, flip_y, invert_xy } = frames;
    davis346::Adapter::new(
        invert_events,
        inivation_davis346::ApsOrientation { flip_x, flip_y, invert_xy },
        // The inertial sensor is not read.
        inivation_davis346::ImuOrientation { flip_x: false, flip_y: false, flip_z: false },
        inivation_davis346::ImuType::None,
    )
}

impl Davis346 {
    pub(super) fn new(sensor: Size, invert_events: bool, frames: Orientation) -> Self {
        Self {
            adapter: davis_adapter(invert_events, frames),
            sensor,
            invert_events,
            frames,
            row: None,
            pictures: ImagePool::default(),
        }
    }

    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Decoded) {
        let sensor = self.sensor;
        split(bytes, |piece| match piece {
            Piece::Words(bytes) => {
                out.bad += words(bytes).map(|word| self.beyond(word)).sum::<u64>();
                let (events, bad) = (&mut out.events, &mut out.bad);
                let (edges, frames, pictures) = (&mut out.edges, &mut out.frames, &self.pictures);
                self.adapter.convert(
                    bytes,
                    |event| add_event(event, sensor, events, bad),
                    |_| {},
                    |trigger| add_edges(trigger, edges),
                    |frame| frames.push(picture(&frame, sensor, pictures)),
                );
                out.last_us = Some(microseconds(self.adapter.current_t()));
            }
            Piece::Reset => {
                self.adapter = davis_adapter(self.invert_events, self.frames);
                out.clock_reset();
            }
            Piece::Wraps(wraps) => {
                for _ in 0..wraps {
                    self.adapter.convert(&ONE_WRAP, |_| {}, |_| {}, |_| {}, |_| {});
                }
                out.last_us = Some(microseconds(self.adapter.current_t()));
            }
        });
    }

    /// Number of events of a word that lie beyond the sensor. The crate leaves them out.
    fn beyond(&mut self, word: u16) -> u64 {
        let (width, height) = (self.sensor.width, self.sensor.height);
        let (rows, columns) = if self.invert_events { (width, height) } else { (height, width) };
        let address = usize::from(word & 0xfff);
        match (word >> 12, self.row) {
            (1, _) => {
                self.row = Some(word & 0xfff);
                0
            }
            (2 | 3, Some(row)) => u64::from(usize::from(row) >= rows || address >= columns),
            _ => 0,
        }
    }
}

/// A frame with its upper eight bits. The mosaic of a colour sensor is kept as it is.
fn picture(frame: &davis346::FrameEvent<'_>, sensor: Size, pictures: &ImagePool<u8>) -> Frame {
    let mut picture = ImageU8::in_pool(pictures, false, sensor, 0);
    for (to, from) in picture.data_mut().iter_mut().zip(frame.pixels) {
        *to = (from >> 8) as u8;
    }
    let exposure = frame.exposure_start_t.zip(frame.exposure_end_t);
    let exposure =
        exposure.map(|(start, end)| RangeUs::new(microseconds(start), microseconds(end)));
    Frame { exposure, picture }
}
