//! How many moments every part of an image needs for a stretch of time: so many that nothing in
//! it moves more than a step between two. Where a wall drifts a few are enough, and only where
//! a wheel turns before it they are many.

use super::super::Scene;
use super::super::scene::Matrix;
use super::raster::Sight;
use super::texels::Texels;
use crate::frame::Size;

/// Into how many parts a stretch may be divided; all of them divide [`WHOLE`], so that tiles
/// of different numbers share their moments.
const PARTS: [usize; 11] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];
/// Moments are numbered from 0 to this one.
pub(super) const WHOLE: usize = 96;
/// Where motion is looked at: the length of a path counts, and what swings comes back.
const LOOKS: usize = 5;

/// A stretch of the scene's time, in seconds.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Stretch {
    pub(in super::super) from_s: f64,
    pub(in super::super) until_s: f64,
}

impl Stretch {
    /// The time of moment `k` of [`WHOLE`].
    fn at(&self, k: usize) -> f64 {
        self.from_s + (self.until_s - self.from_s) * k as f64 / WHOLE as f64
    }
}

/// How an image is cut, and how finely time is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grain {
    /// Of the image.
    pub(super) size: Size,
    /// Of a tile; those at the rim may be smaller.
    pub(super) tile: Size,
    /// Pixels that anything may move between two moments.
    pub(super) step_px: f64,
    /// Fewest parts.
    pub(super) least: usize,
}

/// The parts of every tile.
pub(super) struct Plan {
    stretch: Stretch,
    columns: usize,
    parts: Vec<usize>,
}

impl Plan {
    pub(super) fn new(scene: &Scene, stretch: Stretch, grain: Grain) -> Self {
        let Grain { size, tile, step_px, least } = grain;
        let paths: Vec<Path> =
            scene.layers.iter().map(|l| Path::new(scene, l, stretch, size)).collect();
        let columns = size.width.div_ceil(tile.width);
        let rows = size.height.div_ceil(tile.height);
        let parts = (0..columns * rows).map(|i| {
            let (x, y) = (i % columns * tile.width, i / columns * tile.height);
            let here = [x, y, (x + tile.width).min(size.width), (y + tile.height).min(size.height)];
            let px = paths.iter().map(|path| path.travel_px(here)).fold(0.0, f64::max);
            let mut allowed = PARTS.iter().copied().filter(|n| n.is_multiple_of(least));
            let wanted = allowed.clone().find(|n| px <= step_px * *n as f64);
            wanted.or(allowed.next_back()).unwrap_or(least)
        });
        Self { stretch, columns, parts: parts.collect() }
    }

    /// Numbers of the moments of a tile, 0 and [`WHOLE`] among them, and how many parts lie
    /// between them.
    pub(super) fn moments(
        &self,
        column: usize,
        row: usize,
    ) -> (usize, impl Iterator<Item = usize> + use<>) {
        let parts = self.parts[row * self.columns + column];
        (parts, (0..=parts).map(move |k| k * (WHOLE / parts)))
    }

    /// What is seen at every moment that any tile wants; nothing at the others.
    pub(super) fn sights<'a, L>(
        &self,
        scene: &Scene,
        textures: &'a [Vec<Texels<L>>],
        size: Size,
    ) -> Vec<Vec<Sight<'a, L>>> {
        let mut wanted = [false; WHOLE + 1];
        for parts in &self.parts {
            (0..=*parts).for_each(|k| wanted[k * (WHOLE / parts)] = true);
        }
        let seen = |k: usize| {
            let layers = scene.layers.iter().zip(textures);
            let sights = layers.filter_map(|(layer, levels)| {
                let place = scene.place(layer, self.stretch.at(k), size)?;
                Some(Sight { texels: levels.get(place.level)?, place })
            });
            sights.collect()
        };
        let moments = wanted.iter().enumerate();
        moments.map(|(k, wanted)| if *wanted { seen(k) } else { Vec::new() }).collect()
    }
}

/// How one layer moves through an image.
struct Path {
    /// From where a point is in the middle of the stretch to where it is at other times;
    /// nothing where the layer cannot be seen as a plane.
    from_middle: Option<Vec<Matrix>>,
    /// Pixels that the layer may touch.
    bounds: [usize; 4],
}

impl Path {
    fn new(scene: &Scene, layer: &super::super::Layer, stretch: Stretch, size: Size) -> Self {
        let looks: Vec<Matrix> = (0..LOOKS)
            .map(|i| scene.matrix(layer, stretch.at(i * WHOLE / (LOOKS - 1)), size))
            .collect();
        let middle = looks[LOOKS / 2];
        let from_middle = looks.iter().map(|m| Some(m.inverse()?.times(&middle))).collect();
        let all = [0, 0, size.width, size.height];
        let bounds = if layer.texture.endless() {
            all
        } else {
            let touched = |m: &Matrix| super::super::scene::bounds(m, layer.texture.size(), size);
            let union = |a: [usize; 4], b: [usize; 4]| {
                [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
            };
            looks.iter().filter_map(touched).reduce(union).unwrap_or_default()
        };
        Self { from_middle, bounds }
    }

    /// How far what is seen in a tile travels.
    fn travel_px(&self, [left, top, right, below]: [usize; 4]) -> f64 {
        let b = self.bounds;
        if left >= b[2] || right <= b[0] || top >= b[3] || below <= b[1] {
            return 0.0;
        }
        let Some(looks) = &self.from_middle else { return f64::INFINITY };
        let corners = [(left, top), (right, top), (left, below), (right, below)];
        let length = |(x, y): (usize, usize)| {
            let places: Vec<(f64, f64)> =
                looks.iter().map(|m| m.apply(x as f64, y as f64)).collect();
            places.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).sum::<f64>()
        };
        let px = corners.into_iter().map(length).fold(0.0, f64::max);
        if px.is_finite() { px } else { f64::INFINITY }
    }
}
