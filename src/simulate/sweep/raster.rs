//! Draws rows of a scene by spans: what is hidden is not drawn, and what nothing is before goes
//! straight into the sum.

use super::texels::{Cover, Layout, Point, Sample, Texels, UNIT};
use crate::simulate::scene::{Line, Place, SPAN};
use wide::{f32x4, i32x4};

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
    let mut before = wall.as_ref().map_or((0.0, 0.0), |(_, line)| line.at(first));
    for (i, sum) in spans.iter_mut().enumerate() {
        let x = first + i * SPAN;
        let after = wall.as_ref().map_or((0.0, 0.0), |(_, line)| line.at(x + SPAN));
        let wall = wall.as_ref().map(|(wall, _)| (*wall, Ends { before, after }));
        before = after;
        let mut put = |i: usize, sample: Sample| sum[i] += sample.light(halvings);
        let hides = near.iter().rposition(|sight| sight.cover(x, y) == Cover::All);
        let seen = &near[hides.unwrap_or(0)..];
        match (hides, wall) {
            // Nothing is before it.
            (Some(_), _) if seen.len() == 1 => seen[0].span(seen[0].ends(x, y), put),
            (None, Some((wall, ends))) if seen.iter().all(|s| s.cover(x, y) == Cover::None) => {
                wall.span(ends, &mut put);
            }
            (_, wall) => {
                let mut light = [f32x4::ZERO; SPAN];
                if let (None, Some((wall, ends))) = (hides, wall) {
                    wall.span(ends, |i, sample| light[i] = sample.light(0).round_float());
                }
                for sight in seen.iter().filter(|sight| sight.cover(x, y) != Cover::None) {
                    sight.span(sight.ends(x, y), |i, sample| {
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
    before: (f64, f64),
    after: (f64, f64),
}

impl<L: Layout> Sight<'_, L> {
    fn ends(&self, x: usize, y: usize) -> Ends {
        let line: Line = self.place.line(y);
        Ends { before: line.at(x), after: line.at(x + SPAN) }
    }

    /// How much it hides of the span from (`x`, `y`) on.
    #[inline]
    fn cover(&self, x: usize, y: usize) -> Cover {
        if self.place.endless {
            return Cover::All;
        }
        let [left, top, right, bottom] = self.place.bounds;
        if y < top || y >= bottom || x >= right || x + SPAN <= left {
            return Cover::None;
        }
        let Ends { before, after } = self.ends(x, y);
        self.texels.cover(self.texels.point(before), self.texels.point(after))
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
                for i in 0..SPAN {
                    let share = i as f64 / SPAN as f64;
                    let along = |a: f64, b: f64| a + (b - a) * share;
                    let place = (along(before.0, after.0), along(before.1, after.1));
                    put(i, texels.sample(texels.reflected(place)));
                }
            }
        }
    }
}
