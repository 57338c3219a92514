//! Draws rows of a scene by spans: what is hidden is not drawn, and what nothing is before goes
//! straight into the sum.

use super::texels::{Cover, Layout, Point, Sample, Texels, UNIT};
use crate::simulate::scene::{Place, SPAN};
use wide::{f32x4, f64x2, i32x4};

/// The light of a span, summed over moments; [`UNIT`] is full light.
pub(super) type Span = [i32x4; SPAN];

/// No light.
pub(super) const DARK: Span = [i32x4::ZERO; SPAN];

/// A layer as it is seen at one moment.
pub(super) struct Sight<'a, L> {
    pub(super) place: Place,
    pub(super) texels: &'a Texels<L>,
}

/// Adds the light of row `y`, from column `first` on, divided by two to the power of `halvings`,
/// of layers of which the farthest comes first.
pub(super) fn add<L: Layout>(
    sights: &[Sight<'_, L>],
    (first, y): (usize, usize),
    halvings: u32,
    spans: &mut [Span],
) {
    let (wall, near) = match sights.split_first() {
        Some((wall, near)) if wall.place.endless => (Some((wall, wall.place.line(y))), near),
        _ => (None, sights),
    };
    let at = |x: usize| wall.as_ref().map_or(f64x2::ZERO, |(_, line)| line.at(x));
    let mut before = at(first);
    for (i, sum) in spans.iter_mut().enumerate() {
        let x = first + i * SPAN;
        let ends = Ends { before, after: at(x + SPAN) };
        before = ends.after;
        let mut put = |i: usize, sample: Sample| sum[i] += sample.light(halvings);
        // The farthest layer that is seen, if it is not the wall, and whether any before it is.
        let (mut hides, mut bare) = (None, true);
        for (n, sight) in near.iter().enumerate().rev() {
            match sight.cover(x, y) {
                (Cover::None, _) => {}
                (Cover::Part, _) => bare = false,
                (Cover::All, ends) => {
                    hides = Some((n, sight, ends));
                    break;
                }
            }
        }
        let (first, far) = match (hides, &wall) {
            (Some((n, sight, ends)), _) => (n + 1, Some((sight, ends))),
            (None, Some((wall, _))) => (0, Some((*wall, ends))),
            (None, None) => (0, None),
        };
        match far {
            Some((sight, ends)) if bare => sight.span(ends, &mut put),
            far => {
                let mut light = [f32x4::ZERO; SPAN];
                if let Some((sight, ends)) = far {
                    sight.span(ends, |i, sample| light[i] = sample.light(0).round_float());
                }
                for sight in &near[first..] {
                    let (Cover::Part, ends) = sight.cover(x, y) else { continue };
                    sight.span(ends, |i, sample| {
                        let over = sample.light(0).round_float();
                        let [.., cover] = over.to_array();
                        light[i] = light[i] * f32x4::splat(1.0 - cover / UNIT) + over;
                    });
                }
                for (sum, light) in sum.iter_mut().zip(&light) {
                    *sum += light.fast_round_int() >> halvings;
                }
            }
        }
    }
}

/// Where a span begins and where the next one does, in texels.
#[derive(Clone, Copy)]
struct Ends {
    before: f64x2,
    after: f64x2,
}

impl<L: Layout> Sight<'_, L> {
    /// How much it hides of the span from (`x`, `y`) on, and where that is where it hides some.
    #[inline]
    fn cover(&self, x: usize, y: usize) -> (Cover, Ends) {
        let [left, top, right, bottom] = self.place.bounds;
        let nowhere = Ends { before: f64x2::ZERO, after: f64x2::ZERO };
        if y < top || y >= bottom || x >= right || x + SPAN <= left {
            return (Cover::None, nowhere);
        }
        let line = self.place.line(y);
        let ends = Ends { before: line.at(x), after: line.at(x + SPAN) };
        let point = |place| self.texels.point(place);
        match self.place.endless {
            true => (Cover::All, ends),
            false => (self.texels.cover(point(ends.before), point(ends.after)), ends),
        }
    }

    #[inline(always)]
    fn span(&self, Ends { before, after }: Ends, mut put: impl FnMut(usize, Sample)) {
        let texels = self.texels;
        let (from, to) = (texels.point(before), texels.point(after));
        let part = |a: i32, b: i32| (b - a) / SPAN as i32;
        let step = Point { x: part(from.x, to.x), y: part(from.y, to.y) };
        match (texels.holds(from) && texels.holds(to), self.place.endless) {
            (true, _) => texels.span::<false>(from, step, put),
            (false, false) => texels.span::<true>(from, step, put),
            (false, true) => {
                let step = (after - before) * f64x2::splat(1.0 / SPAN as f64);
                for i in 0..SPAN {
                    let place = before + step * f64x2::splat(i as f64);
                    put(i, texels.sample(texels.reflected(place)));
                }
            }
        }
    }
}
