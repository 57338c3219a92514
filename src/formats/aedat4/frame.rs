//! Frames: what a packet states about its frame, and its pixels.

use super::flat::Table;
use crate::image::{ImageU8, Size};
use crate::time::RangeUs;

/// What made a frame, by the field `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameSource {
    /// Not stated, as in files of the older recording software.
    Unknown,
    /// The camera's image sensor.
    Sensor,
    /// Something computed; the number is that of the format: 2 accumulated events, 3 motion
    /// compensation, 4 synthetic, 5 reconstruction, 6 visualisation, 7 other.
    Computed(i8),
}

impl FrameSource {
    /// As text for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Unknown => "of unknown source",
            Self::Sensor => "from the image sensor",
            Self::Computed(2) => "accumulated from events",
            Self::Computed(3) => "motion compensated",
            Self::Computed(4) => "synthetic",
            Self::Computed(5) => "reconstructed from events",
            Self::Computed(6) => "visualisations",
            Self::Computed(_) => "computed",
        }
    }
}

/// The numbers of a frame, without its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Timestamp, in microseconds: the start of the exposure, as far as writers agree.
    pub t_us: i64,
    /// The exposure, if it is stated.
    pub exposure: Option<RangeUs>,
    /// Type of the samples: OpenCV's code.
    pub format: i8,
    /// Width and height.
    pub size: Size,
    /// Column and row of its first pixel on the sensor: a region of interest. Below zero in damaged
    /// files.
    pub position: (i16, i16),
    /// What made it.
    pub source: FrameSource,
}

impl FrameHead {
    /// From a table of the type `FRME`; `None` if it has no size.
    pub(super) fn read(table: &Table<'_>) -> Option<Self> {
        let t_us = table.i64(0).unwrap_or(0);
        // Older files store both ends of the exposure, newer ones its duration.
        let exposure = match (table.i64(3), table.i64(4), table.i64(11)) {
            (Some(start), Some(end), _) if start > 0 && end > start => {
                Some(RangeUs::new(start, end))
            }
            (_, _, Some(length)) if length > 0 => {
                t_us.checked_add(length).map(|end| RangeUs::new(t_us, end))
            }
            _ => None,
        };
        let number = |i: usize| usize::try_from(table.i16(i).unwrap_or(0)).ok();
        let source = match table.i8(12).unwrap_or(0) {
            0 => FrameSource::Unknown,
            1 => FrameSource::Sensor,
            other => FrameSource::Computed(other),
        };
        Some(Self {
            t_us,
            exposure,
            format: table.i8(5).unwrap_or(0),
            size: Size::new(number(6)?, number(7)?),
            position: (table.i16(8).unwrap_or(0), table.i16(9).unwrap_or(0)),
            source,
        })
    }

    /// Type and number of the samples of a pixel; `None` for types that are not read.
    pub fn samples(&self) -> Option<(SampleType, usize)> {
        // OpenCV: three bits of type, then the number of channels less one.
        let depth = match self.format & 7 {
            0 => SampleType::U8,
            2 => SampleType::U16,
            5 => SampleType::F32,
            6 => SampleType::F64,
            _ => return None,
        };
        match self.format >> 3 {
            0 => Some((depth, 1)),
            2 => Some((depth, 3)),
            3 => Some((depth, 4)),
            _ => None,
        }
    }
}

/// The type of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleType {
    /// Eight bits.
    U8,
    /// Sixteen bits, of which fewer may be used.
    U16,
    /// Floating point.
    F32,
    /// Floating point with double precision.
    F64,
}

impl SampleType {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The sample in the first bytes.
    fn value(self, bytes: &[u8]) -> f64 {
        match (self, bytes) {
            (Self::U8, [v, ..]) => f64::from(*v),
            (Self::U16, [a, b, ..]) => f64::from(u16::from_le_bytes([*a, *b])),
            (Self::F32, [a, b, c, d, ..]) => f64::from(f32::from_le_bytes([*a, *b, *c, *d])),
            (Self::F64, [a, b, c, d, e, f, g, h, ..]) => {
                f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            _ => 0.0,
        }
    }
}

/// The sample that becomes white. Samples from 0 to this are converted to eight bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct White(f64);

impl White {
    /// The range of samples of eight bits.
    pub const EIGHT_BITS: Self = Self(256.0);

    /// Samples that use this number of bits.
    pub fn bits(bits: u32) -> Self {
        Self(f64::from(bits.clamp(1, 16)).exp2())
    }

    /// The range to which samples with this maximum belong: 8, 10, 12, 14 or 16 bits, or for
    /// floating point 0 to 1 and 0 to 255. `None` if it is none of these.
    pub fn of(depth: SampleType, max: f64) -> Option<Self> {
        match depth {
            SampleType::U8 => Some(Self::EIGHT_BITS),
            SampleType::U16 => {
                [8, 10, 12, 14, 16].into_iter().map(Self::bits).find(|white| max < white.0)
            }
            // Sums of weights may exceed 1 in the last digits.
            SampleType::F32 | SampleType::F64 if max <= 1.001 => Some(Self(256.0 / 255.0)),
            SampleType::F32 | SampleType::F64 => (max <= 255.5).then_some(Self::EIGHT_BITS),
        }
    }

    /// Number of bits of whole samples.
    pub fn bit_count(self) -> u32 {
        self.0.log2().round() as u32
    }

    /// Whether this sample is beyond the range.
    pub fn clips(self, value: f64) -> bool {
        value >= self.0 + 0.5
    }

    fn byte(self, value: f64) -> u8 {
        // 256 steps of equal width, as shifting out the lower bits gives them, but rounded. Not a
        // number becomes 0.
        (value * (256.0 / self.0)).round().clamp(0.0, 255.0) as u8
    }
}

/// A frame of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Aedat4Frame {
    /// Its numbers.
    pub head: FrameHead,
    /// The samples as they are stored: row by row, the channels of a pixel beside each other in
    /// the order blue, green, red.
    samples: Vec<u8>,
}

impl Aedat4Frame {
    /// From a table of the type `FRME`; `None` if it is damaged.
    pub(super) fn read(table: &Table<'_>) -> Option<Self> {
        let head = FrameHead::read(table)?;
        Some(Self { head, samples: table.vector(10, 1)?.to_vec() })
    }

    fn values(&self) -> Option<(SampleType, usize)> {
        let (depth, channels) = self.head.samples()?;
        let needed = self.head.size.width.checked_mul(self.head.size.height)?;
        let needed = needed.checked_mul(channels)?.checked_mul(depth.bytes())?;
        (needed == self.samples.len() && needed > 0).then_some((depth, channels))
    }

    /// The largest sample; `None` if there are not as many samples as the size needs.
    pub fn max(&self) -> Option<f64> {
        let (depth, _) = self.values()?;
        let values = self.samples.chunks_exact(depth.bytes()).map(|bytes| depth.value(bytes));
        Some(values.filter(|v| v.is_finite()).fold(0.0, f64::max))
    }

    /// The image in eight bits, gray or in the order blue, green, red; `None` if there are not as
    /// many samples as the size needs.
    pub fn picture(&self, white: White) -> Option<ImageU8> {
        let (depth, channels) = self.values()?;
        let planes = 0..if channels == 1 { 1 } else { 3 };
        let mut data = Vec::with_capacity(self.samples.len() / depth.bytes());
        for channel in planes {
            let first = channel * depth.bytes();
            let pixels = self.samples.chunks_exact(channels * depth.bytes());
            let of_channel = pixels.filter_map(|pixel| pixel.get(first..));
            match depth {
                SampleType::U8 => data.extend(of_channel.filter_map(|v| v.first().copied())),
                _ => data.extend(of_channel.map(|v| white.byte(depth.value(v)))),
            }
        }
        ImageU8::new(channels.min(3), self.head.size, data).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn samples_of_every_depth_become_the_same_eight_bits() {
        for value in [0_u8, 1, 77, 128, 240, 255] {
            for bits in [8, 10, 12, 14, 16] {
                let stored = f64::from(u32::from(value) << (bits - 8));
                assert_eq!(White::bits(bits).byte(stored), value, "{bits} bits");
            }
            let fraction = White::of(SampleType::F32, 1.0).unwrap();
            assert_eq!(fraction.byte(f64::from(f32::from(value) / 255.0)), value);
            let whole = White::of(SampleType::F64, 200.0).unwrap();
            assert_eq!(whole.byte(f64::from(value)), value);
        }
        assert_eq!(White::of(SampleType::U16, 1023.0).unwrap().bit_count(), 10);
        assert_eq!(White::of(SampleType::U16, 65535.0).unwrap().bit_count(), 16);
        assert_eq!(White::of(SampleType::F32, 4000.0), None);
        assert_eq!(White::EIGHT_BITS.byte(f64::NAN), 0);
    }
}
