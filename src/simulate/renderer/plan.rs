//! How many moments every part of an image needs for a stretch of time: so many that nothing in
//! it moves more than a step between two. Where a wall drifts a few are enough, and only where
//! a wheel turns before it they are many.

use super::super::Scene;
use super::super::scene::Matrix;
use super::raster::Sight;
use super::texels::Texels;
use crate::image::Size;
use rayon::prelude::*;

/// Into how many parts a stretch may be divided; all of them divide [`WHOLE`], so that tiles
/// of different numbers share their moments.
const PARTS: [usize; 18] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 40, 48, 60, 80, 120];
/// Moments are numbered from 0 to this one.
pub(crate) const WHOLE: usize = 240;
/// Where motion is looked at: the length of a path counts, and what swings comes back.
const LOOKS: usize = 5;

/// A stretch of the scene's time, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) from_s: f64,
    pub(crate) until_s: f64,
}

impl Interval {
    /// The time of moment `k` of [`WHOLE`].
    fn at(&self, k: usize) -> f64 {
        self.from_s + (self.until_s - self.from_s) * k as f64 / WHOLE as f64
    }
}

/// How an image is cut, and how finely time is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grain {
    /// Of the image.
    pub(crate) size: Size,
    /// Of a tile; those at the rim may be smaller.
    pub(crate) tile: Size,
    /// Pixels that anything may move between two moments.
    pub(crate) step_px: f64,
    /// Texels of the level that it is drawn from that a layer without end may move.
    pub(crate) step_texels: f64,
    /// Fewest parts.
    pub(crate) least: usize,
}

/// The parts of every tile.
pub(crate) struct Plan {
    stretch: Interval,
    tile: Size,
    columns: usize,
    parts: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(scene: &Scene, stretch: Interval, grain: Grain) -> Self {
        let Grain { size, tile, least, .. } = grain;
        let paths: Vec<Path> =
            scene.layers.iter().map(|l| Path::new(scene, l, stretch, grain)).collect();
        let columns = size.width.div_ceil(tile.width);
        let rows = size.height.div_ceil(tile.height);
        let parts = (0..columns * rows).into_par_iter().with_min_len(64).map(|i| {
            let (x, y) = (i % columns * tile.width, i / columns * tile.height);
            let here = [x, y, (x + tile.width).min(size.width), (y + tile.height).min(size.height)];
            let steps = paths.iter().map(|path| path.steps(here)).fold(0.0, f64::max);
            let mut allowed = PARTS.iter().copied().filter(|n| n.is_multiple_of(least));
            let wanted = allowed.clone().find(|n| steps <= *n as f64);
            wanted.or(allowed.next_back()).unwrap_or(least)
        });
        Self { stretch, tile, columns, parts: parts.collect() }
    }

    /// Numbers of the moments of the tile with pixel (`x`, `y`), 0 and [`WHOLE`] among them, and
    /// how many parts lie between them.
    pub(crate) fn moments(
        &self,
        x: usize,
        y: usize,
    ) -> (usize, impl Iterator<Item = usize> + use<>) {
        let (column, row) = (x / self.tile.width, y / self.tile.height);
        let parts = self.parts[row * self.columns + column];
        (parts, (0..=parts).map(move |k| k * (WHOLE / parts)))
    }

    /// What is seen at every moment that any tile wants; nothing at the others.
    pub(crate) fn sights<'a, L>(
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
    from_middle: Option<[Matrix; LOOKS]>,
    /// Pixels that the layer may touch.
    bounds: [usize; 4],
    /// Pixels that it may move between two moments.
    step_px: f64,
}

impl Path {
    fn new(scene: &Scene, layer: &super::super::Layer, stretch: Interval, grain: Grain) -> Self {
        let size = grain.size;
        let looks: [Matrix; LOOKS] =
            std::array::from_fn(|i| scene.matrix(layer, stretch.at(i * WHOLE / (LOOKS - 1)), size));
        let middle = looks[LOOKS / 2];
        let inverses: Option<Vec<Matrix>> = looks.iter().map(Matrix::inverse).collect();
        let from_middle = inverses.map(|m| std::array::from_fn(|i| m[i].times(&middle)));
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
        let place = scene.place(layer, stretch.at(WHOLE / 2), size);
        // What moves before it has edges, but nothing so fine that repeats.
        let texels =
            place.filter(|place| place.endless).map_or(0.0, |place| place.texels_per_px(size));
        let step_px = grain.step_px.min(grain.step_texels / texels);
        Self { from_middle, bounds, step_px }
    }

    /// How many steps what is seen in a tile travels.
    fn steps(&self, [left, top, right, below]: [usize; 4]) -> f64 {
        let b = self.bounds;
        if left >= b[2] || right <= b[0] || top >= b[3] || below <= b[1] {
            return 0.0;
        }
        let Some(looks) = &self.from_middle else { return f64::INFINITY };
        let corners = [(left, top), (right, top), (left, below), (right, below)];
        let length = |(x, y): (usize, usize)| {
            let places = looks.each_ref().map(|m| m.apply(x as f64, y as f64));
            places.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).sum::<f64>()
        };
        let steps = corners.into_iter().map(length).fold(0.0, f64::max) / self.step_px;
        if steps.is_finite() { steps } else { f64::INFINITY }
    }
}
