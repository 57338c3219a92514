//! Images of a recording: any numeric type and order of the axes, as bytes.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::pair_error::{PairError, field};
use super::repairs::{Repair, Repairs};
use crate::formats::limits;
use crate::formats::npy::View;
use crate::image::{ImageU8, Size};

/// How the samples of an image array are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Number of images.
    pub(super) count: usize,
    /// 1 for gray, 3 for colour.
    pub(super) channels: usize,
    pub(super) size: Size,
    /// Whether the channels are the last axis instead of the one before height and width.
    channels_last: bool,
    /// Whether the axes are others than those of the format.
    axes: bool,
}

impl Layout {
    /// The layout of one blurry image: channels, height, width; height, width, channels; height,
    /// width; or one of these after an axis of length 1.
    pub(super) fn of_image(name: &str, shape: &[usize]) -> Result<Self, PairError> {
        let bad = || {
            let what = format!("shape {shape:?} instead of channels, height, width");
            field(name, what)
        };
        match *shape {
            [h, w] => Self::new(name, (1, 1), Size::new(w, h), false, true),
            [1, c @ (1 | 3), h, w] => Self::new(name, (1, c), Size::new(w, h), false, true),
            [1, h, w, c @ (1 | 3)] => Self::new(name, (1, c), Size::new(w, h), true, true),
            [c @ (1 | 3), h, w] => Self::new(name, (1, c), Size::new(w, h), false, false),
            [h, w, c @ (1 | 3)] => Self::new(name, (1, c), Size::new(w, h), true, false),
            [c @ (2 | 4), _, _] | [_, _, c @ (2 | 4)] => {
                let what = format!("{c} channels; images have 1 (gray) or 3 (blue, green, red)");
                Err(field(name, what))
            }
            _ => Err(bad()),
        }
    }

    /// The layout of the sharp images: as the blurry ones, with their number before.
    pub(super) fn of_images(name: &str, shape: &[usize]) -> Result<Self, PairError> {
        let (count, rest) = match shape {
            [n, rest @ ..] if rest.len() >= 2 => (*n, rest),
            _ => {
                let what = format!("shape {shape:?} instead of number, channels, height, width");
                return Err(field(name, what));
            }
        };
        Ok(Self { count, ..Self::of_image(name, rest)? })
    }

    fn new(
        name: &str,
        (count, channels): (usize, usize),
        size: Size,
        channels_last: bool,
        axes: bool,
    ) -> Result<Self, PairError> {
        limits::check_image(size).map_err(|e| field(name, e.to_string()))?;
        Ok(Self { count, channels, size, channels_last, axes })
    }
}

/// An image array of a recording, not yet converted.
pub(super) struct Pictures<'a> {
    pub(super) name: &'a str,
    pub(super) view: View<'a>,
    pub(super) layout: Layout,
}

/// How the numbers of an image become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Range {
    /// Floating-point numbers from 0 to 1, and truth values.
    Unit,
    /// Numbers of this many bits.
    Bits(u32),
}

impl Range {
    /// The range of all arrays of one recording that are not bytes: one camera took them.
    fn of(arrays: &[Pictures<'_>]) -> Result<Self, PairError> {
        let (mut largest, mut unit) = (0.0_f64, true);
        for array in arrays.iter().filter(|a| a.view.bytes().is_none()) {
            unit &= array.view.is_float() || array.view.is_bool();
            for i in 0..array.view.count() {
                let value = array.view.float(i);
                if !(0.0..65536.0).contains(&value) {
                    let what = format!("the value {value}; images have values from 0 to 255");
                    return Err(field(array.name, what));
                }
                largest = largest.max(value);
            }
        }
        Ok(match largest {
            v if unit && v <= 1.0 => Self::Unit,
            // A mean of frames may exceed the largest byte by the error of its rounding.
            v if v < 255.5 => Self::Bits(8),
            v if v < 1024.0 => Self::Bits(10),
            v if v < 4096.0 => Self::Bits(12),
            v if v < 16384.0 => Self::Bits(14),
            _ => Self::Bits(16),
        })
    }

    fn byte(self, value: f64) -> u8 {
        // The cast saturates.
        match self {
            Self::Unit => (value * 255.0).round() as u8,
            Self::Bits(8) => value.round() as u8,
            // The upper 8 bits, as a shift gives them.
            Self::Bits(bits) => {
                (value / f64::from(1_u32.wrapping_shl(bits.saturating_sub(8)))) as u8
            }
        }
    }
}

/// Converts the image arrays of a recording.
pub(super) fn convert(
    arrays: &[Pictures<'_>],
    repairs: &mut Repairs,
) -> Result<Vec<Vec<ImageU8>>, PairError> {
    let range = Range::of(arrays)?;
    arrays.iter().map(|array| array.convert(range, repairs)).collect()
}

impl Pictures<'_> {
    fn convert(&self, range: Range, repairs: &mut Repairs) -> Result<Vec<ImageU8>, PairError> {
        let Layout { count, channels, size, channels_last, axes } = self.layout;
        let plain = self.view.bytes();
        let images = count as u64;
        if plain.is_none() {
            repairs.add(
                match range {
                    Range::Unit => Repair::UnitRange,
                    Range::Bits(8) if self.view.is_float() => Repair::Rounded,
                    Range::Bits(8) => Repair::WideImage,
                    Range::Bits(_) => Repair::DeepImage,
                },
                images,
            );
        }
        if channels_last && channels > 1 {
            repairs.add(Repair::ChannelsLast, images);
        } else if channels_last || axes {
            repairs.add(Repair::Axes, images);
        }
        // At most 3 times the largest image, so that it cannot overflow.
        let samples = channels.saturating_mul(size.area());
        let value = |i: usize| match plain {
            Some(bytes) => bytes.get(i).copied().unwrap_or(0),
            None => range.byte(self.view.float(i)),
        };
        let mut out = Vec::new();
        for number in 0..count {
            let first = number.saturating_mul(samples);
            let data: Vec<u8> = match plain {
                Some(bytes) if !channels_last => {
                    let end = first.saturating_add(samples);
                    bytes.get(first..end).unwrap_or_default().to_vec()
                }
                _ if !channels_last => (first..first.saturating_add(samples)).map(value).collect(),
                _ => (0..channels)
                    .flat_map(|c| (first.saturating_add(c)..).step_by(channels).take(size.area()))
                    .map(value)
                    .collect(),
            };
            let image = ImageU8::new(channels, size, data);
            out.push(image.map_err(|e| field(self.name, e.to_string()))?);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;
    use crate::formats::npy::{Content, open, write};

    /// The images of an array, and what was repaired.
    fn read(descr: &str, shape: &[usize], data: &[u8]) -> Result<(Vec<u8>, Repairs), PairError> {
        let file = write(descr, shape, data);
        let Content::Numbers(view) = open(&file).unwrap() else { panic!("no numbers") };
        let layout = Layout::of_image("blur1", &view.shape)?;
        let mut repairs = Repairs::default();
        let images = convert(&[Pictures { name: "blur1", view, layout }], &mut repairs)?;
        Ok((images[0][0].data().to_vec(), repairs))
    }

    #[test]
    fn every_order_of_the_axes_gives_planes() {
        let planes: Vec<u8> = (0..3 * 4 * 5).collect();
        let pixels: Vec<u8> = (0..20).flat_map(|i| [i, i + 20, i + 40]).collect();
        assert_eq!(read("|u1", &[3, 4, 5], &planes).unwrap(), (planes.clone(), Repairs::default()));
        let (data, repairs) = read("|u1", &[4, 5, 3], &pixels).unwrap();
        assert_eq!((data, repairs.count(Repair::ChannelsLast)), (planes.clone(), 1));
        let (data, repairs) = read("|u1", &[1, 3, 4, 5], &planes).unwrap();
        assert_eq!((data, repairs.count(Repair::Axes)), (planes.clone(), 1));
        let (data, repairs) = read("|u1", &[4, 5], &planes[..20]).unwrap();
        assert_eq!((data, repairs.count(Repair::Axes)), (planes[..20].to_vec(), 1));
        let error = read("|u1", &[4, 4, 5], &[0; 80]).unwrap_err().to_string();
        assert!(error.contains("blur1: 4 channels"), "{error}");
    }

    #[test]
    fn every_numeric_type_gives_bytes() {
        let bytes: Vec<u8> = (0..60).map(|i| i * 4).collect();
        let shape = [3, 4, 5];
        let floats = |f: &dyn Fn(f32) -> f32| -> Vec<u8> {
            bytes.iter().flat_map(|b| f(f32::from(*b)).to_le_bytes()).collect()
        };
        let words = |bits: u32| -> Vec<u8> {
            bytes.iter().flat_map(|b| (u16::from(*b) << (bits - 8)).to_le_bytes()).collect()
        };
        let wide: Vec<u8> = bytes.iter().flat_map(|b| i64::from(*b).to_le_bytes()).collect();
        for (descr, data, repair) in [
            ("<f4", floats(&|v| v / 255.0), Repair::UnitRange),
            ("<f4", floats(&|v| v + 0.3), Repair::Rounded),
            ("<u2", words(8), Repair::WideImage),
            ("<u2", words(12), Repair::DeepImage),
            ("<u2", words(16), Repair::DeepImage),
            ("<i8", wide, Repair::WideImage),
        ] {
            let (found, repairs) = read(descr, &shape, &data).unwrap();
            assert_eq!(found, bytes, "{descr} {repair:?}");
            assert_eq!(repairs.iter().collect::<Vec<_>>(), [(repair, 1)]);
        }
        let black_or_white: Vec<u8> = (0..60).map(|i| i % 2).collect();
        let (found, repairs) = read("|b1", &shape, &black_or_white).unwrap();
        assert_eq!(found, black_or_white.iter().map(|b| b * 255).collect::<Vec<u8>>());
        assert_eq!(repairs.count(Repair::UnitRange), 1);
        for value in [-1.0, f32::NAN, 70000.0] {
            let error = read("<f4", &shape, &floats(&|_| value)).unwrap_err().to_string();
            assert!(error.contains("blur1: the value"), "{error}");
        }
    }
}
