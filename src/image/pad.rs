//! Padding of images to sizes that the network accepts, by reflection.

#![allow(clippy::indexing_slicing, reason = "reflected indices lie within the plane")]

use crate::image::{Size, exact_bytes};

/// Sizes of the image and of the event sensor after padding at the right and at the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padded {
    pub(crate) image: Size,
    pub(crate) sensor: Size,
}

impl Padded {
    pub(crate) fn of(image: Size, sensor: Size) -> Self {
        let (width, cells_x) = axis(image.width, sensor.width);
        let (height, cells_y) = axis(image.height, sensor.height);
        Self { image: Size::new(width, height), sensor: Size::new(cells_x, cells_y) }
    }
}

/// The smallest multiple of 16 pixels and the number of event cells that together keep the ratio
/// `pixels / cells`. If no size up to 64 pixels larger keeps it, the closest one is used, which
/// shifts no event by more than half a cell.
fn axis(pixels: usize, cells: usize) -> (usize, usize) {
    let smallest = pixels.next_multiple_of(16);
    let candidate = |step: usize| {
        let padded = smallest + 16 * step;
        let exact = padded * cells;
        let fit = ((exact + pixels / 2) / pixels).max(cells).max(16);
        (padded, fit, (fit * pixels).abs_diff(exact))
    };
    let best = (0..=4).map(candidate).min_by_key(|(padded, _, error)| (*error, *padded));
    best.map_or((smallest, cells.max(16)), |(padded, fit, _)| (padded, fit))
}

/// Index of the sample that a padded position repeats. Positions are mirrored at the edges without
/// repeating the edge itself, as often as needed.
pub(crate) fn reflect(i: usize, n: usize) -> usize {
    if n <= 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let i = i % period;
    if i < n { i } else { period - i }
}

/// Writes a plane of size `from` to `out`, padded by reflection or cropped to the size `to`.
pub(crate) fn reflect_plane(plane: &[f32], from: Size, to: Size, out: &mut [f32]) {
    for (y, out) in out.chunks_exact_mut(to.width).take(to.height).enumerate() {
        let row = &plane[reflect(y, from.height) * from.width..][..from.width];
        let (same, beyond) = out.split_at_mut(from.width.min(to.width));
        same.copy_from_slice(&row[..same.len()]);
        for (i, v) in beyond.iter_mut().enumerate() {
            *v = row[reflect(from.width + i, from.width)];
        }
    }
}

/// Like [`reflect_plane`], with every sample converted, for a plane that is not cropped.
pub(crate) fn reflect_converted<T: Copy, U: Copy>(
    plane: &[T],
    from: Size,
    to: Size,
    out: &mut [U],
    convert: impl Fn(T) -> U,
) {
    for (y, out) in out.chunks_exact_mut(to.width).take(to.height).enumerate() {
        let row = &plane[reflect(y, from.height) * from.width..][..from.width];
        let (same, beyond) = out.split_at_mut(from.width);
        for (to, v) in same.iter_mut().zip(row) {
            *to = convert(*v);
        }
        for (i, v) in beyond.iter_mut().enumerate() {
            *v = same[reflect(from.width + i, from.width)];
        }
    }
}

/// Like [`reflect_plane`], in eight bits, for a plane that is not cropped. False if the plane's numbers
/// did not come from eight bits.
pub(crate) fn reflect_bytes(plane: &[f32], from: Size, to: Size, out: &mut [u8]) -> bool {
    for (y, out) in out.chunks_exact_mut(to.width).take(to.height).enumerate() {
        let row = &plane[reflect(y, from.height) * from.width..][..from.width];
        let (same, beyond) = out.split_at_mut(from.width);
        if !exact_bytes(row, same) {
            return false;
        }
        for (i, v) in beyond.iter_mut().enumerate() {
            *v = same[reflect(from.width + i, from.width)];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fraction;

    #[test]
    fn padding_keeps_the_ratio_of_image_to_event_size() {
        let cases = [
            ((1152, 768), (288, 192), (1152, 768), (288, 192)),
            ((346, 260), (346, 260), (352, 272), (352, 272)),
            ((100, 70), (50, 35), (112, 80), (56, 40)),
            ((1000, 600), (250, 150), (1008, 608), (252, 152)),
        ];
        for (image, sensor, want_image, want_sensor) in cases {
            let size = |(w, h)| Size::new(w, h);
            let got = Padded::of(size(image), size(sensor));
            assert_eq!(got, Padded { image: size(want_image), sensor: size(want_sensor) });
        }
    }

    #[test]
    fn reflection_does_not_repeat_the_edge() {
        let got: Vec<usize> = (0..9).map(|i| reflect(i, 4)).collect();
        assert_eq!(got, [0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!(reflect(7, 1), 0);
    }

    #[test]
    fn eight_bits_are_padded_as_numbers_are() {
        let (from, to) = (Size::new(5, 3), Size::new(16, 16));
        let mut plane: Vec<f32> = (0..15).map(|v: u8| f32::from(17 * v) / 255.0).collect();
        let (mut numbers, mut bytes) = (vec![0.0; to.area()], vec![0; to.area()]);
        reflect_plane(&plane, from, to, &mut numbers);
        assert!(reflect_bytes(&plane, from, to, &mut bytes));
        assert!(bytes.iter().map(|v| f32::from(*v) / 255.0).eq(numbers.iter().copied()));
        // The same from eight bits.
        let stored: Vec<u8> = (0..15).map(|v| 17 * v).collect();
        let (mut from_bytes, mut converted) = (vec![0; to.area()], vec![0.0; to.area()]);
        reflect_converted(&stored, from, to, &mut from_bytes, |v| v);
        reflect_converted(&stored, from, to, &mut converted, fraction);
        assert_eq!((from_bytes, converted), (bytes.clone(), numbers));
        plane[14] = 0.5;
        assert!(!reflect_bytes(&plane, from, to, &mut bytes));
    }
}
