//! What a frame of a film shows.

use crate::image::{ImageU8, Size};

/// What a frame of a film shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The restored picture alone.
    #[default]
    Restored,
    /// Blurry on the left, restored on the right.
    Side,
    /// Blurry left of a moving line, restored right of it.
    Wipe,
}

/// Pixels between two pictures side by side, and of the line of a wipe.
const GAP_PX: usize = 4;
const LINE_PX: usize = 2;
/// Seconds in which the line of a wipe moves forth and back.
const WIPE_SECONDS: f64 = 4.0;

/// Position of the line of a wipe, as a fraction of the width, for a frame at a time of the film.
pub fn wipe_at(seconds: f64) -> f64 {
    0.5 - 0.5 * (std::f64::consts::TAU * seconds / WIPE_SECONDS).cos()
}

/// A frame in colour. `line` is the position of a wipe's line, from 0 to 1; the other layouts
/// ignore it. Where the sizes differ, the restored picture alone is shown.
pub fn compose(layout: Layout, blurry: &ImageU8, restored: &ImageU8, line: f64) -> ImageU8 {
    let Size { width, height } = restored.size();
    let layout = if blurry.size() == restored.size() { layout } else { Layout::Restored };
    let total = if layout == Layout::Side { 2 * width + GAP_PX } else { width };
    let size = Size::new(total, height);
    let mut out = ImageU8::filled(true, size, 0);
    let split = (line.clamp(0.0, 1.0) * width as f64).round() as usize;
    for channel in 0..3 {
        let planes = blurry.plane(channel).chunks_exact(width);
        let planes = planes.zip(restored.plane(channel).chunks_exact(width));
        let rows = out.data_mut().chunks_exact_mut(total).skip(channel * height);
        for (row, (blurry, restored)) in rows.zip(planes) {
            match layout {
                Layout::Restored => row.copy_from_slice(restored),
                Layout::Side => {
                    let (left, right) = row.split_at_mut(width);
                    left.copy_from_slice(blurry);
                    let right = right.iter_mut().skip(GAP_PX);
                    right.zip(restored).for_each(|(to, from)| *to = *from);
                }
                Layout::Wipe => {
                    row.copy_from_slice(restored);
                    row.iter_mut().zip(blurry).take(split).for_each(|(to, from)| *to = *from);
                    let line = row.iter_mut().skip(split.saturating_sub(LINE_PX / 2));
                    line.take(LINE_PX).for_each(|to| *to = 255);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn layouts_place_both_pictures() {
        let size = Size::new(8, 2);
        let (blurry, restored) =
            (ImageU8::filled(false, size, 10), ImageU8::filled(true, size, 200));
        let row = |layout, line| {
            let frame = compose(layout, &blurry, &restored, line);
            assert_eq!(frame.channels(), 3);
            assert_eq!(frame.plane(0), frame.plane(2));
            let width = frame.size().width;
            assert_eq!(frame.plane(1).get(..width), frame.plane(1).get(width..));
            frame.plane(1).get(..width).unwrap().to_vec()
        };
        assert_eq!(row(Layout::Restored, 0.5), [200; 8]);
        let side = row(Layout::Side, 0.5);
        assert_eq!(side, [[10; 8].as_slice(), &[0; 4], &[200; 8]].concat());
        assert_eq!(row(Layout::Wipe, 0.5), [10, 10, 10, 255, 255, 200, 200, 200]);
        assert_eq!(row(Layout::Wipe, 0.0), [255, 255, 200, 200, 200, 200, 200, 200]);
        assert!(wipe_at(0.0) < 1e-9 && (wipe_at(2.0) - 1.0).abs() < 1e-9);
    }
}
