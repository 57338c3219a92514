//! Pictures of EFNet's HDF5 files: the range of their samples, the order of their axes.

use super::hdf5::Values;
use crate::image::{ImageU8, Size};

/// Samples of this size and beyond do not round to eight bits.
const TOO_LARGE: f64 = 255.5;
/// Resampling exceeds a range from 0 to 1 by less.
const BEYOND_FRACTIONS: f64 = 2.0;

/// The range of a file's samples. It is decided once, because a dark picture alone does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// From 0 to 255.
    Bytes,
    /// From 0 to 1.
    Fractions,
}

impl Samples {
    /// Decided from several pictures; one sample far above 1 is enough.
    pub(super) fn of(first: &Values, mut others: impl Iterator<Item = Values>) -> Self {
        // Whether some samples are not whole numbers; `None` if one is far beyond 1.
        let fractions = |values: &Values| {
            let beyond = values.data.iter().any(|v| *v > BEYOND_FRACTIONS);
            (!beyond).then(|| values.data.iter().any(|v| v.fract().abs() > 0.0))
        };
        let mut any = fractions(first);
        if let Some(of_first) = any {
            any = others.try_fold(of_first, |any, values| Some(fractions(&values)? || any));
        }
        match any {
            Some(true) => Self::Fractions,
            Some(false) | None => Self::Bytes,
        }
    }

    fn gain(self) -> f64 {
        match self {
            Self::Bytes => 1.0,
            Self::Fractions => 255.0,
        }
    }

    /// The range, for messages.
    pub(super) fn range(self) -> &'static str {
        match self {
            Self::Bytes => "0 to 255",
            Self::Fractions => "0 to 1",
        }
    }
}

/// A picture from an array of height, width and channels, in either order, or of height and width.
pub(super) fn picture(values: &Values, samples: Samples, bgr: bool) -> Result<ImageU8, String> {
    if values.data.iter().any(|v| v.is_nan()) {
        return Err("a sample that is not a number".to_owned());
    }
    let extend = |(least, most): (f64, f64), v: &f64| (least.min(*v), most.max(*v));
    let (least, most) = values.data.iter().fold((0.0, 0.0), extend);
    let gain = samples.gain();
    if least < 0.0 || most * gain >= TOO_LARGE {
        let range = samples.range();
        return Err(format!("samples from {least} to {most}; those of this file are from {range}"));
    }
    let planar =
        |channels: usize, width: usize, height: usize, at: &dyn Fn(usize, usize) -> usize| {
            let order: Vec<usize> = (0..channels).collect();
            // Planes are blue, green, red.
            let order: Vec<usize> = if bgr { order } else { order.into_iter().rev().collect() };
            let pixels = width * height;
            let samples = order.iter().flat_map(|c| (0..pixels).map(move |i| (*c, i)));
            let samples = samples.map(|(c, i)| values.data.get(at(c, i)).copied().unwrap_or(0.0));
            let samples = samples.map(|v| (v * gain).round().clamp(0.0, 255.0) as u8).collect();
            ImageU8::new(channels, Size::new(width, height), samples).map_err(|e| e.to_string())
        };
    match values.shape.as_slice() {
        [h, w] => planar(1, *w, *h, &|_, i| i),
        [h, w, c @ (1 | 3)] => planar(*c, *w, *h, &|channel, i| i * c + channel),
        [c @ (1 | 3), h, w] => planar(*c, *w, *h, &|channel, i| channel * h * w + i),
        other => Err(format!("of shape {other:?}, which is not a picture")),
    }
}

/// The upper left part; `None` if the picture is smaller.
pub(super) fn cropped(picture: &ImageU8, size: Size) -> Option<ImageU8> {
    if picture.size() == size {
        return Some(picture.clone());
    }
    let (width, mut data) = (picture.size().width, Vec::new());
    for channel in 0..picture.channels() {
        let rows = picture.plane(channel).chunks_exact(width).take(size.height);
        for row in rows {
            data.extend_from_slice(row.get(..size.width)?);
        }
    }
    ImageU8::new(picture.channels(), size, data).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn values(data: &[f64]) -> Values {
        Values { shape: vec![2, 2], data: data.to_vec() }
    }

    #[test]
    fn the_range_of_samples_is_decided_for_a_file_and_not_for_a_picture() {
        let of = |pictures: &[[f64; 4]]| {
            let mut all = pictures.iter().map(|data| values(data));
            let first = all.next().unwrap();
            Samples::of(&first, all)
        };
        let dark = [0.0, 0.4, 0.9, 1.0];
        let white = [1.0; 4];
        assert_eq!(of(&[dark, [0.0, 80.5, 200.0, 3.0]]), Samples::Bytes);
        assert_eq!(of(&[white, dark, white]), Samples::Fractions);
        // A sample that is a little too large is reported with its picture, which is not nearly black.
        assert_eq!(of(&[dark, [0.0, 0.5, 1.01, 0.2]]), Samples::Fractions);
        // Whole numbers are eight bits, however dark.
        assert_eq!(of(&[white, [0.0; 4]]), Samples::Bytes);
        let read = |data: &[f64], samples| picture(&values(data), samples, false).unwrap();
        assert_eq!(read(&dark, Samples::Bytes).data(), [0, 0, 1, 1]);
        assert_eq!(read(&white, Samples::Fractions).data(), [255; 4]);
    }

    #[test]
    fn pictures_of_every_range_are_read_or_refused() {
        let read = |data: &[f64]| picture(&values(data), Samples::Bytes, false);
        assert_eq!(read(&[0.0, 7.4, 254.6, 255.0]).unwrap().data(), [0, 7, 255, 255]);
        let part = |data: &[f64]| picture(&values(data), Samples::Fractions, false);
        assert_eq!(part(&[0.0, 0.5, 1.0, 0.2]).unwrap().data(), [0, 128, 255, 51]);
        assert!(part(&[0.0, 0.5, 1.01, 0.2]).unwrap_err().contains("0 to 1"));
        for wrong in [[0.0, 1000.0, 3.0, 4.0], [-1.0, 0.0, 3.0, 4.0]] {
            assert!(read(&wrong).unwrap_err().contains("0 to 255"), "{wrong:?}");
        }
        for wrong in [[f64::NAN, 0.0, 3.0, 4.0], [0.0, 1.0, 3.0, f64::NAN]] {
            assert!(read(&wrong).unwrap_err().contains("not a number"), "{wrong:?}");
        }
    }
}
