//! Pixel formats of GenICam cameras, and decoding of images.
//!
//! Codes and packings follow the GenICam Pixel Format Naming Convention 2.4 and its table of
//! values. Images keep the upper eight bits of each sample at any bit depth.

use super::mosaic::{Mosaic, Pattern};
use crate::image::{ImagePool, ImageU8, Size};

/// Meaning of the samples of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Gray.
    Mono,
    /// One colour per pixel, from a Bayer filter.
    Bayer(Pattern),
    /// Three or four bytes per pixel: number of channels, and offsets of red, green and blue.
    Interleaved(usize, [usize; 3]),
    /// Red, green and blue as separate planes.
    RgbPlanes,
    /// Two pixels in four bytes with subsampled chroma: offsets of the first Y and of U.
    Yuv422([usize; 2]),
}

/// Packing of samples in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// One byte per sample.
    Eight,
    /// Two bytes per sample, little-endian, with this number of significant bits.
    Wide(u32),
    /// This number of bits per sample, lowest bits first, without padding: `10p`, `12p`.
    Dense(u32),
    /// Two samples of this number of bits in three bytes, with the low bits of both in the middle
    /// byte: `10Packed`, `12Packed` of GigE Vision.
    Three(u32),
}

/// A supported pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    /// Name in the naming convention: `BayerRG12p`.
    pub name: &'static str,
    /// Code in the naming convention.
    pub code: u32,
    /// Meaning of the samples.
    pub layout: Layout,
    /// Packing of the samples.
    pub packing: Packing,
}

const fn format(name: &'static str, code: u32, layout: Layout, packing: Packing) -> PixelFormat {
    PixelFormat { name, code, layout, packing }
}

const RG: Layout = Layout::Bayer(Pattern::Rg);
const GR: Layout = Layout::Bayer(Pattern::Gr);
const GB: Layout = Layout::Bayer(Pattern::Gb);
const BG: Layout = Layout::Bayer(Pattern::Bg);
const MONO: Layout = Layout::Mono;

/// All supported formats.
pub const FORMATS: &[PixelFormat] = &[
    format("Mono8", 0x0108_0001, MONO, Packing::Eight),
    format("Mono10", 0x0110_0003, MONO, Packing::Wide(10)),
    format("Mono10Packed", 0x010c_0004, MONO, Packing::Three(10)),
    format("Mono10p", 0x010a_0046, MONO, Packing::Dense(10)),
    format("Mono12", 0x0110_0005, MONO, Packing::Wide(12)),
    format("Mono12Packed", 0x010c_0006, MONO, Packing::Three(12)),
    format("Mono12p", 0x010c_0047, MONO, Packing::Dense(12)),
    format("Mono14", 0x0110_0025, MONO, Packing::Wide(14)),
    format("Mono16", 0x0110_0007, MONO, Packing::Wide(16)),
    format("BayerGR8", 0x0108_0008, GR, Packing::Eight),
    format("BayerRG8", 0x0108_0009, RG, Packing::Eight),
    format("BayerGB8", 0x0108_000a, GB, Packing::Eight),
    format("BayerBG8", 0x0108_000b, BG, Packing::Eight),
    format("BayerGR10", 0x0110_000c, GR, Packing::Wide(10)),
    format("BayerRG10", 0x0110_000d, RG, Packing::Wide(10)),
    format("BayerGB10", 0x0110_000e, GB, Packing::Wide(10)),
    format("BayerBG10", 0x0110_000f, BG, Packing::Wide(10)),
    format("BayerGR12", 0x0110_0010, GR, Packing::Wide(12)),
    format("BayerRG12", 0x0110_0011, RG, Packing::Wide(12)),
    format("BayerGB12", 0x0110_0012, GB, Packing::Wide(12)),
    format("BayerBG12", 0x0110_0013, BG, Packing::Wide(12)),
    format("BayerGR16", 0x0110_002e, GR, Packing::Wide(16)),
    format("BayerRG16", 0x0110_002f, RG, Packing::Wide(16)),
    format("BayerGB16", 0x0110_0030, GB, Packing::Wide(16)),
    format("BayerBG16", 0x0110_0031, BG, Packing::Wide(16)),
    format("BayerGR10Packed", 0x010c_0026, GR, Packing::Three(10)),
    format("BayerRG10Packed", 0x010c_0027, RG, Packing::Three(10)),
    format("BayerGB10Packed", 0x010c_0028, GB, Packing::Three(10)),
    format("BayerBG10Packed", 0x010c_0029, BG, Packing::Three(10)),
    format("BayerGR12Packed", 0x010c_002a, GR, Packing::Three(12)),
    format("BayerRG12Packed", 0x010c_002b, RG, Packing::Three(12)),
    format("BayerGB12Packed", 0x010c_002c, GB, Packing::Three(12)),
    format("BayerBG12Packed", 0x010c_002d, BG, Packing::Three(12)),
    format("BayerBG10p", 0x010a_0052, BG, Packing::Dense(10)),
    format("BayerBG12p", 0x010c_0053, BG, Packing::Dense(12)),
    format("BayerGB10p", 0x010a_0054, GB, Packing::Dense(10)),
    format("BayerGB12p", 0x010c_0055, GB, Packing::Dense(12)),
    format("BayerGR10p", 0x010a_0056, GR, Packing::Dense(10)),
    format("BayerGR12p", 0x010c_0057, GR, Packing::Dense(12)),
    format("BayerRG10p", 0x010a_0058, RG, Packing::Dense(10)),
    format("BayerRG12p", 0x010c_0059, RG, Packing::Dense(12)),
    format("RGB8", 0x0218_0014, Layout::Interleaved(3, [0, 1, 2]), Packing::Eight),
    format("BGR8", 0x0218_0015, Layout::Interleaved(3, [2, 1, 0]), Packing::Eight),
    format("RGBa8", 0x0220_0016, Layout::Interleaved(4, [0, 1, 2]), Packing::Eight),
    format("BGRa8", 0x0220_0017, Layout::Interleaved(4, [2, 1, 0]), Packing::Eight),
    format("RGB8_Planar", 0x0218_0021, Layout::RgbPlanes, Packing::Eight),
    format("YUV422_8_UYVY", 0x0210_001f, Layout::Yuv422([1, 0]), Packing::Eight),
    format("YUV422_8", 0x0210_0032, Layout::Yuv422([0, 1]), Packing::Eight),
    format("YCbCr422_8", 0x0210_003b, Layout::Yuv422([0, 1]), Packing::Eight),
];

impl PixelFormat {
    /// The format with a code; `None` if it is not supported.
    pub fn from_code(code: u32) -> Option<Self> {
        FORMATS.iter().find(|f| f.code == code).copied()
    }

    /// Size in bytes of a row of `width` pixels, without padding.
    pub fn row_bytes(&self, width: usize) -> usize {
        let samples = match self.layout {
            Layout::Mono | Layout::Bayer(_) | Layout::RgbPlanes => width,
            Layout::Interleaved(channels, _) => width.saturating_mul(channels),
            Layout::Yuv422(_) => width.saturating_mul(2),
        };
        match self.packing {
            Packing::Eight => samples,
            Packing::Wide(_) => samples.saturating_mul(2),
            Packing::Dense(bits) => samples.saturating_mul(bits as usize).div_ceil(8),
            Packing::Three(_) => samples.saturating_mul(3).div_ceil(2),
        }
    }
}

/// Decodes images; reuses its work buffers and image buffers.
#[derive(Debug, Default)]
pub struct Decoder {
    row: Vec<i16>,
    mosaic: Mosaic,
    pictures: ImagePool<u8>,
}

impl Decoder {
    /// Decodes an image whose rows are each followed by `padding` bytes. The result has one gray
    /// plane for mono formats, else blue, green and red planes. `None` if there are too few bytes.
    pub fn decode(
        &mut self,
        format: PixelFormat,
        size: Size,
        padding: usize,
        bytes: &[u8],
    ) -> Option<ImageU8> {
        let (length, area) = (format.row_bytes(size.width), size.width.checked_mul(size.height)?);
        let stride = length.checked_add(padding)?;
        let planes = if format.layout == Layout::RgbPlanes { 3 } else { 1 };
        let rows = size.height.checked_mul(planes)?;
        let needed = rows.checked_sub(1)?.checked_mul(stride)?.checked_add(length)?;
        let bytes = bytes.get(..needed)?;
        if area == 0 {
            return None;
        }
        let colour = format.layout != Layout::Mono;
        let empty = || ImageU8::in_pool(&self.pictures, colour, size, 0);
        let rows = bytes.chunks(stride).filter_map(|row| row.get(..length));
        match format.layout {
            Layout::Mono => {
                let mut picture = empty();
                self.row.resize(size.width, 0);
                for (row, out) in rows.zip(picture.data_mut().chunks_exact_mut(size.width)) {
                    if format.packing == Packing::Eight {
                        out.copy_from_slice(row);
                        continue;
                    }
                    unpack(format.packing, row, &mut self.row);
                    out.iter_mut().zip(&self.row).for_each(|(o, v)| *o = (v >> 2) as u8);
                }
                Some(picture)
            }
            Layout::Bayer(pattern) => {
                self.mosaic.begin(size);
                for (y, row) in rows.enumerate() {
                    unpack(format.packing, row, self.mosaic.row(y)?);
                }
                self.mosaic.finish(pattern, &self.pictures)
            }
            Layout::Interleaved(channels, places) => {
                let mut picture = empty();
                let planes = picture.data_mut().chunks_exact_mut(area);
                for (plane, place) in planes.zip(places.iter().rev()) {
                    for (out, row) in plane.chunks_exact_mut(size.width).zip(rows.clone()) {
                        let samples = row.iter().skip(*place).step_by(channels);
                        out.iter_mut().zip(samples).for_each(|(o, v)| *o = *v);
                    }
                }
                Some(picture)
            }
            Layout::RgbPlanes => {
                let mut picture = empty();
                for (plane, own) in picture.data_mut().chunks_exact_mut(area).zip((0..3).rev()) {
                    let rows = rows.clone().skip(own * size.height);
                    plane
                        .chunks_exact_mut(size.width)
                        .zip(rows)
                        .for_each(|(o, r)| o.copy_from_slice(r));
                }
                Some(picture)
            }
            Layout::Yuv422(places) => yuv422(empty(), places, rows),
        }
    }
}

/// Decodes YUV 4:2:2: four bytes hold two pixels, with Y at `first` and `first + 2` and U and V at
/// `blue` and `blue + 2`. Uses the full range of ITU-R BT.601, as JFIF and webcams do. `picture`
/// must have three planes; its contents are overwritten.
pub(crate) fn yuv422<'a>(
    mut picture: ImageU8,
    [first, blue]: [usize; 2],
    rows: impl Iterator<Item = &'a [u8]>,
) -> Option<ImageU8> {
    let size = picture.size();
    let area = size.area();
    let (b, rest) = picture.data_mut().split_at_mut_checked(area)?;
    let (g, r) = rest.split_at_mut_checked(area)?;
    let out = b.chunks_mut(size.width).zip(g.chunks_mut(size.width));
    for ((row, (b, g)), r) in rows.zip(out).zip(r.chunks_mut(size.width)) {
        for (x, ((b, g), r)) in b.iter_mut().zip(g).zip(r).enumerate() {
            let group = row.get(x / 2 * 4..x / 2 * 4 + 4)?;
            let at = |i: usize| group.get(i).map_or(0, |v| i32::from(*v));
            let y = at(first + x % 2 * 2) << 16;
            let (u, v) = (at(blue) - 128, at(blue + 2) - 128);
            let byte = |value: i32| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
            // 1.772, 0.344136, 0.714136 and 1.402 in units of 2^-16.
            *b = byte(y + 116_130 * u);
            *g = byte(y - 22_553 * u - 46_802 * v);
            *r = byte(y + 91_881 * v);
        }
    }
    Some(picture)
}

/// Unpacks the samples of a row to 10 bits.
fn unpack(packing: Packing, row: &[u8], out: &mut [i16]) {
    match packing {
        Packing::Eight => {
            out.iter_mut().zip(row).for_each(|(o, v)| *o = i16::from(*v) << 2);
        }
        Packing::Wide(bits) => {
            let shift = bits.saturating_sub(10);
            for (o, v) in out.iter_mut().zip(row.as_chunks::<2>().0) {
                *o = (u16::from_le_bytes(*v) >> shift & 0x3ff) as i16;
            }
        }
        Packing::Three(bits) => {
            let low = bits.saturating_sub(8);
            for (pair, group) in out.chunks_mut(2).zip(row.chunks(3)) {
                let at = |i: usize| group.get(i).map_or(0, |v| u16::from(*v));
                let sample = |high: u16, rest: u16| {
                    ((high << low | rest & ((1 << low) - 1)) >> (bits - 10)) as i16
                };
                let samples = [sample(at(0), at(1)), sample(at(2), at(1) >> 4)];
                pair.iter_mut().zip(samples).for_each(|(o, v)| *o = v);
            }
        }
        Packing::Dense(bits) => {
            let (mut buffer, mut count, mut bytes) = (0_u32, 0, row.iter());
            for o in out {
                while count < bits {
                    buffer |= bytes.next().map_or(0, |v| u32::from(*v)) << count;
                    count += 8;
                }
                *o = ((buffer & ((1 << bits) - 1)) >> (bits - 10)) as i16;
                buffer >>= bits;
                count -= bits;
            }
        }
    }
}
