//! Draws a scene in blocks. Hidden layers are skipped; a layer with nothing in front of it is added
//! directly to the sum.

use super::texels::{Coverage, Layout, Point, Sample, Texels, UNIT};
use crate::simulate::scene::{Place, SPAN};
use wide::{f32x4, f64x2, i32x4};

/// The light of some pixels of a row, summed over sampling times; [`UNIT`] is full light.
pub(super) type Span = [i32x4; SPAN];

/// No light.
pub(super) const DARK: Span = [i32x4::ZERO; SPAN];

/// A layer as it is seen at one time.
pub(super) struct LayerView<'a, L> {
    pub(super) place: Place,
    pub(super) texels: &'a Texels<L>,
}

/// Adds the light of the rows of a block that starts at pixel (`x`, `y`), at most [`SPAN`] of them,
/// divided by two to the power of `halvings`. Layers are in order from far to near.
pub(super) fn add<L: Layout>(
    views: &[LayerView<'_, L>],
    (x, y): (usize, usize),
    halvings: u32,
    rows: &mut [Span],
) {
    // The farthest visible layer, and whether nothing is in front of it.
    let (mut far, mut bare) = (None, true);
    for (n, view) in views.iter().enumerate().rev() {
        match view.cover((x, y), rows.len()) {
            (Coverage::None, _) => {}
            (Coverage::Part, _) => bare = false,
            (Coverage::All, patch) => {
                far = Some((n, patch));
                break;
            }
        }
    }
    match far {
        Some((n, patch)) if bare => {
            for (row, sum) in rows.iter_mut().enumerate() {
                let put = |i: usize, sample: Sample| sum[i] += sample.light(halvings);
                views[n].row((x, y), row, patch, put);
            }
        }
        far => {
            let mut light = [[f32x4::ZERO; SPAN]; SPAN];
            if let Some((n, patch)) = far {
                for (row, light) in light[..rows.len()].iter_mut().enumerate() {
                    let put = |i: usize, sample: Sample| light[i] = sample.light(0).round_float();
                    views[n].row((x, y), row, patch, put);
                }
            }
            for view in &views[far.map_or(0, |(n, _)| n + 1)..] {
                let (Coverage::Part, patch) = view.cover((x, y), rows.len()) else { continue };
                for (row, light) in light[..rows.len()].iter_mut().enumerate() {
                    view.over(row, patch, light);
                }
            }
            for (sum, light) in rows.as_flattened_mut().iter_mut().zip(light.as_flattened()) {
                *sum += light.fast_round_int() >> halvings;
            }
        }
    }
}

/// The texture coordinates of a block's corners: top left, top right, bottom left, bottom right.
/// Between them, coordinates are interpolated linearly, see [`SPAN`].
#[derive(Clone, Copy)]
struct Patch([Point; 4]);

impl Patch {
    /// The start and end of a row.
    #[inline(always)]
    fn ends(&self, row: usize) -> (Point, Point) {
        let [a, b, c, d] = self.0;
        let part = |a: i32, b: i32| a + (b - a) / SPAN as i32 * row as i32;
        let between = |a: Point, b: Point| Point { x: part(a.x, b.x), y: part(a.y, b.y) };
        (between(a, c), between(b, d))
    }
}

/// The step from one point of a row to the next.
#[inline(always)]
fn step(start: Point, end: Point) -> Point {
    let part = |a: i32, b: i32| (b - a) / SPAN as i32;
    Point { x: part(start.x, end.x), y: part(start.y, end.y) }
}

impl<L: Layout> LayerView<'_, L> {
    /// How much the layer covers of the block at (`x`, `y`), and its coordinates if it covers some.
    #[inline(always)]
    fn cover(&self, (x, y): (usize, usize), rows: usize) -> (Coverage, Patch) {
        let [left, top, right, bottom] = self.place.bounds;
        if y + rows <= top || y >= bottom || x >= right || x + SPAN <= left {
            return (Coverage::None, Patch([Point { x: 0, y: 0 }; 4]));
        }
        let (above, below) = (self.place.line(y), self.place.line(y + SPAN));
        let corners = [above.at(x), above.at(x + SPAN), below.at(x), below.at(x + SPAN)];
        let patch = Patch(corners.map(|place| self.texels.point(place)));
        match self.place.endless {
            true => (Coverage::All, patch),
            false => (self.texels.cover(patch.0), patch),
        }
    }

    /// Draws a row of the block at (`x`, `y`).
    #[inline(always)]
    fn row(
        &self,
        (x, y): (usize, usize),
        row: usize,
        patch: Patch,
        mut put: impl FnMut(usize, Sample),
    ) {
        if self.place.endless && !patch.0.iter().all(|point| self.texels.holds(*point)) {
            // The row crosses the edge at which the texture is mirrored.
            let line = self.place.line(y + row);
            let (before, after) = (line.at(x), line.at(x + SPAN));
            let step = (after - before) * f64x2::splat(1.0 / SPAN as f64);
            for i in 0..SPAN {
                let place = before + step * f64x2::splat(i as f64);
                put(i, self.texels.sample(self.texels.reflected(place)));
            }
            return;
        }
        let (start, end) = patch.ends(row);
        self.texels.span(start, step(start, end), put);
    }

    /// Draws a row over farther layers.
    #[inline(always)]
    fn over(&self, row: usize, patch: Patch, light: &mut [f32x4; SPAN]) {
        let (start, end) = patch.ends(row);
        if self.texels.cover([start, end]) == Coverage::None {
            return;
        }
        self.texels.span(start, step(start, end), |i, sample| {
            let over = sample.light(0).round_float();
            let [.., cover] = over.to_array();
            light[i] = light[i] * f32x4::splat(1.0 - cover / UNIT) + over;
        });
    }
}
