//! The messages that are read: `sensor_msgs/Image` and `CompressedImage`, `dvs_msgs/EventArray`,
//! `event_camera_msgs/EventPacket`, and `std_msgs/Int32` for exposure times.

use super::packet::Decoder;
use super::wire::{MessageError, Wire};
use crate::event::Event;
use crate::formats::limits::check_image;
use crate::formats::pictures::{SampleBits, decode, largest_of_16_bits_in};
use crate::image::{ImageU8, Size};
use std::io::Cursor;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    CompressedImage,
    EventArray,
    EventPacket,
    Number,
}

impl Kind {
    /// The kind of a type's name, of ROS 1 or 2.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.replace("/msg/", "/").as_str() {
            "sensor_msgs/Image" => Some(Self::Image),
            "sensor_msgs/CompressedImage" => Some(Self::CompressedImage),
            "dvs_msgs/EventArray" | "prophesee_event_msgs/EventArray" => Some(Self::EventArray),
            "event_camera_msgs/EventPacket" | "event_array_msgs/EventArray" => {
                Some(Self::EventPacket)
            }
            "std_msgs/Int32" => Some(Self::Number),
            _ => None,
        }
    }

    pub(super) fn is_frame(self) -> bool {
        matches!(self, Self::Image | Self::CompressedImage)
    }

    pub(super) fn has_events(self) -> bool {
        matches!(self, Self::EventArray | Self::EventPacket)
    }
}

/// The time in the header of a message, in microseconds.
pub(super) fn stamp_us(bytes: &[u8], cdr: bool) -> Result<i64, MessageError> {
    Wire::new(bytes, cdr)?.header_us()
}

pub(super) fn number(bytes: &[u8], cdr: bool) -> Result<i64, MessageError> {
    Ok(i64::from(Wire::new(bytes, cdr)?.u32()? as i32))
}

/// An image in a compressed format. Of samples of 16 bits, only the lower `bits` are used.
pub(super) fn compressed_image(
    bytes: &[u8],
    cdr: bool,
    bits: SampleBits,
) -> Result<ImageU8, MessageError> {
    decode(Cursor::new(compressed(bytes, cdr)?), bits)
}

/// As [`largest_of_16_bits`], of an image in a compressed format.
pub(super) fn largest_compressed(bytes: &[u8], cdr: bool) -> Result<Option<u16>, MessageError> {
    largest_of_16_bits_in(Cursor::new(compressed(bytes, cdr)?))
}

fn compressed(bytes: &[u8], cdr: bool) -> Result<&[u8], MessageError> {
    let mut wire = Wire::new(bytes, cdr)?;
    wire.header_us()?;
    wire.string()?;
    wire.bytes()
}

/// An uncompressed image as it is stored.
struct Stored<'a> {
    size: Size,
    /// Positions of blue, green and red in a pixel.
    order: &'static [usize],
    /// Bytes of a pixel.
    pixel: usize,
    /// Bytes of the pixels of a row, and of a row.
    row: usize,
    step: usize,
    wide: bool,
    big_endian: bool,
    data: &'a [u8],
}

impl<'a> Stored<'a> {
    fn read(bytes: &'a [u8], cdr: bool) -> Result<Self, MessageError> {
        let mut wire = Wire::new(bytes, cdr)?;
        wire.header_us()?;
        let (height, width) = (wire.u32()? as usize, wire.u32()? as usize);
        let encoding = wire.string()?;
        let big_endian = wire.u8()? != 0;
        let step = wire.u32()? as usize;
        let data = wire.bytes()?;
        let size = Size::new(width, height);
        check_image(size).map_err(|e| e.to_string())?;
        let (order, pixel): (&[usize], usize) = match encoding.as_str() {
            "mono8" | "8UC1" => (&[0], 1),
            "mono16" | "16UC1" => (&[0], 2),
            "bgr8" | "8UC3" => (&[0, 1, 2], 3),
            "rgb8" => (&[2, 1, 0], 3),
            "bgra8" | "8UC4" => (&[0, 1, 2], 4),
            "rgba8" => (&[2, 1, 0], 4),
            other => {
                return Err(format!(
                    "images of encoding {other:?} are not read: republish them as bgr8 or mono8 \
                     (image_proc)"
                ));
            }
        };
        let row = width.checked_mul(pixel).filter(|row| *row > 0 && *row <= step);
        let row =
            row.ok_or_else(|| format!("{width} pixels do not fit in rows of {step} bytes"))?;
        if step.checked_mul(height).is_none_or(|bytes| bytes > data.len()) {
            return Err(format!("{} bytes are too few for {height} rows of {step}", data.len()));
        }
        Ok(Self { size, order, pixel, row, step, wide: pixel == 2, big_endian, data })
    }

    /// The bytes of the pixels, row by row.
    fn rows(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let row = self.row;
        let rows = self.data.chunks_exact(self.step).take(self.size.height);
        rows.filter_map(move |bytes| bytes.get(..row))
    }

    /// Samples of 16 bits.
    fn samples(&self) -> impl Iterator<Item = u16> + use<'a> {
        let big_endian = self.big_endian;
        let pairs = self.rows().flat_map(|row| row.as_chunks::<2>().0);
        pairs.map(move |b| if big_endian { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) })
    }
}

/// The largest sample of an image whose samples have 16 bits; `None` for others.
pub(super) fn largest_of_16_bits(bytes: &[u8], cdr: bool) -> Result<Option<u16>, MessageError> {
    let stored = Stored::read(bytes, cdr)?;
    Ok(stored.wide.then(|| stored.samples().max()).flatten())
}

/// An uncompressed image. Of samples of 16 bits, only the lower `bits` are used.
pub(super) fn image(bytes: &[u8], cdr: bool, bits: SampleBits) -> Result<ImageU8, MessageError> {
    let stored = Stored::read(bytes, cdr)?;
    let mut planes = Vec::with_capacity(stored.order.len() * stored.size.area());
    if stored.wide {
        for sample in stored.samples() {
            planes.push(bits.byte(sample)?);
        }
    } else {
        for channel in stored.order {
            for row in stored.rows() {
                planes.extend(row.iter().skip(*channel).step_by(stored.pixel));
            }
        }
    }
    ImageU8::new(stored.order.len(), stored.size, planes).map_err(|e| e.to_string())
}

/// Appends the events of a message. Returns the size of its sensor.
pub(super) fn event_array(
    bytes: &[u8],
    cdr: bool,
    out: &mut Vec<Event>,
) -> Result<Size, MessageError> {
    let mut wire = Wire::new(bytes, cdr)?;
    wire.header_us()?;
    let (height, width) = (wire.u32()? as usize, wire.u32()? as usize);
    let count = wire.u32()? as usize;
    // An event takes 13 bytes, in CDR up to 16 with its alignment.
    if count > bytes.len() / if wire.is_cdr() { 12 } else { 13 } {
        return Err("the message is cut off".into());
    }
    out.reserve(count);
    for _ in 0..count {
        let (x, y) = (wire.u16()?, wire.u16()?);
        let t_us = wire.time_us()?;
        out.push(Event { t_us, x, y, polarity: wire.u8()? != 0 });
    }
    Ok(Size::new(width, height))
}

/// A packet of encoded events.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) sensor: Size,
    pub(super) stamp_us: i64,
    pub(super) encoding: String,
    time_base_ns: u64,
    big_endian: bool,
    data: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(super) fn read(bytes: &'a [u8], cdr: bool) -> Result<Self, MessageError> {
        let mut wire = Wire::new(bytes, cdr)?;
        let stamp_us = wire.header_us()?;
        let (height, width) = (wire.u32()? as usize, wire.u32()? as usize);
        wire.u64()?;
        let time_base_ns = wire.u64()?;
        let encoding = wire.string()?;
        let big_endian = wire.u8()? != 0;
        let (sensor, data) = (Size::new(width, height), wire.bytes()?);
        Ok(Self { sensor, stamp_us, encoding, time_base_ns, big_endian, data })
    }

    /// Appends the events. The state of the decoder continues from packet to packet.
    pub(super) fn decode(
        &self,
        state: &mut Decoder,
        out: &mut Vec<Event>,
    ) -> Result<(), MessageError> {
        let base_us = i64::try_from(self.time_base_ns / 1000).unwrap_or(i64::MAX);
        state.decode(&self.encoding, base_us, self.big_endian, self.data, out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn image_message(encoding: &str, step: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 12];
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend((encoding.len() as u32).to_le_bytes());
        bytes.extend(encoding.as_bytes());
        bytes.push(0);
        bytes.extend(step.to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn pixels_of_every_encoding_become_planes() {
        let planes = |encoding, step, data: &[u8]| {
            let message = image_message(encoding, step, data);
            image(&message, false, SampleBits::ALL).map(|p| p.data().to_vec())
        };
        assert_eq!(planes("mono8", 2, &[1, 2]).unwrap(), [1, 2]);
        assert_eq!(planes("mono16", 4, &[0, 1, 0, 2]).unwrap(), [1, 2]);
        assert_eq!(planes("bgr8", 8, &[1, 2, 3, 4, 5, 6, 0, 0]).unwrap(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(planes("rgb8", 6, &[1, 2, 3, 4, 5, 6]).unwrap(), [3, 6, 2, 5, 1, 4]);
        assert_eq!(planes("rgba8", 8, &[1, 2, 3, 9, 4, 5, 6, 9]).unwrap(), [3, 6, 2, 5, 1, 4]);
        assert!(planes("bayer_rggb8", 2, &[1, 2]).unwrap_err().contains("bayer_rggb8"));
        assert!(planes("mono8", 1, &[1, 2]).is_err() && planes("bgr8", 6, &[1]).is_err());
    }

    #[test]
    fn samples_of_a_camera_of_12_bits_use_the_whole_range() {
        // 4095 and 2048, the rows two bytes longer than their pixels.
        let message = image_message("mono16", 6, &[0xff, 0x0f, 0x00, 0x08, 9, 9]);
        let largest = largest_of_16_bits(&message, false).unwrap().unwrap();
        assert_eq!(largest, 4095);
        let read = |bits| image(&message, false, bits).map(|p| p.data().to_vec());
        assert_eq!(read(SampleBits::of(largest)).unwrap(), [255, 128]);
        assert_eq!(read(SampleBits::ALL).unwrap(), [15, 8]);
        assert!(read(SampleBits::of(1023)).unwrap_err().contains("a sample of 4095"));
        let gray = image_message("mono8", 2, &[1, 2]);
        assert_eq!(largest_of_16_bits(&gray, false).unwrap(), None);
    }

    #[test]
    fn a_count_that_the_message_cannot_hold_is_refused() {
        let mut bytes = vec![0; 24];
        bytes.extend(u32::MAX.to_le_bytes());
        assert!(event_array(&bytes, false, &mut Vec::new()).is_err());
    }
}
