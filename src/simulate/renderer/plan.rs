//! Plans how often every tile of an image is sampled during a time range: often enough that nothing
//! in it moves by more than a step between two sampling times. A slowly moving wall needs few
//! samples; only tiles in which a wheel turns need many.

use super::super::Scene;
use super::super::scene::Matrix;
use super::raster::LayerView;
use super::texels::Texels;
use crate::image::Size;
use rayon::prelude::*;

/// The numbers of steps that a time range may be divided into. All of them divide [`WHOLE`], so
/// that tiles with different numbers share their sampling times.
const STEP_COUNTS: [usize; 18] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 40, 48, 60, 80, 120];
/// Sampling times are numbered from 0 to this one.
pub(crate) const WHOLE: usize = 240;
/// Number of times at which motion is measured: path lengths are added up, so that an oscillation
/// does not cancel.
const MOTION_SAMPLES: usize = 5;

/// A range of the scene's time, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) from_s: f64,
    pub(crate) until_s: f64,
}

impl Interval {
    /// The time of sample `k` of [`WHOLE`], in seconds.
    fn at(&self, k: usize) -> f64 {
        self.from_s + (self.until_s - self.from_s) * k as f64 / WHOLE as f64
    }
}

/// Tile size and step sizes of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanSettings {
    /// Size of the image.
    pub(crate) size: Size,
    /// Size of a tile; those at the right and bottom edge may be smaller.
    pub(crate) tile: Size,
    /// Largest motion between two sampling times, in pixels.
    pub(crate) step_px: f64,
    /// The same for a mirrored texture, in texels of the level that it is drawn from.
    pub(crate) step_texels: f64,
    /// Smallest number of steps.
    pub(crate) least: usize,
}

/// The number of steps of every tile.
pub(crate) struct Plan {
    interval: Interval,
    tile: Size,
    columns: usize,
    parts: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(scene: &Scene, interval: Interval, settings: PlanSettings) -> Self {
        let PlanSettings { size, tile, least, .. } = settings;
        let paths: Vec<Path> =
            scene.layers.iter().map(|l| Path::new(scene, l, interval, settings)).collect();
        let columns = size.width.div_ceil(tile.width);
        let rows = size.height.div_ceil(tile.height);
        let parts = (0..columns * rows).into_par_iter().with_min_len(64).map(|i| {
            let (x, y) = (i % columns * tile.width, i / columns * tile.height);
            let here = [x, y, (x + tile.width).min(size.width), (y + tile.height).min(size.height)];
            let steps = paths.iter().map(|path| path.steps(here)).fold(0.0, f64::max);
            let mut allowed = STEP_COUNTS.iter().copied().filter(|n| n.is_multiple_of(least));
            let wanted = allowed.clone().find(|n| steps <= *n as f64);
            wanted.or(allowed.next_back()).unwrap_or(least)
        });
        Self { interval, tile, columns, parts: parts.collect() }
    }

    /// Sampling times of the tile that contains pixel (`x`, `y`), from 0 to [`WHOLE`], and the
    /// number of steps between them.
    pub(crate) fn moments(
        &self,
        x: usize,
        y: usize,
    ) -> (usize, impl Iterator<Item = usize> + use<>) {
        let (column, row) = (x / self.tile.width, y / self.tile.height);
        let parts = self.parts[row * self.columns + column];
        (parts, (0..=parts).map(move |k| k * (WHOLE / parts)))
    }

    /// The visible layers at every sampling time that a tile needs; empty at the others.
    pub(crate) fn views<'a, L>(
        &self,
        scene: &Scene,
        textures: &'a [Vec<Texels<L>>],
        size: Size,
    ) -> Vec<Vec<LayerView<'a, L>>> {
        let mut wanted = [false; WHOLE + 1];
        for parts in &self.parts {
            (0..=*parts).for_each(|k| wanted[k * (WHOLE / parts)] = true);
        }
        let seen = |k: usize| {
            let layers = scene.layers.iter().zip(textures);
            let views = layers.filter_map(|(layer, levels)| {
                let place = scene.place(layer, self.interval.at(k), size)?;
                Some(LayerView { texels: levels.get(place.level)?, place })
            });
            views.collect()
        };
        let moments = wanted.iter().enumerate();
        moments.map(|(k, wanted)| if *wanted { seen(k) } else { Vec::new() }).collect()
    }
}

/// The motion of one layer through an image.
struct Path {
    /// Maps a position at the middle of the range to its position at other times; `None` where the
    /// layer cannot be seen as a plane.
    from_middle: Option<[Matrix; MOTION_SAMPLES]>,
    /// Left, top, right and bottom of the pixels that the layer may touch.
    bounds: [usize; 4],
    /// Largest motion between two sampling times, in pixels.
    step_px: f64,
}

impl Path {
    fn new(
        scene: &Scene,
        layer: &super::super::Layer,
        interval: Interval,
        settings: PlanSettings,
    ) -> Self {
        let size = settings.size;
        let looks: [Matrix; MOTION_SAMPLES] = std::array::from_fn(|i| {
            scene.matrix(layer, interval.at(i * WHOLE / (MOTION_SAMPLES - 1)), size)
        });
        let middle = looks[MOTION_SAMPLES / 2];
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
        let place = scene.place(layer, interval.at(WHOLE / 2), size);
        // Foreground layers have edges, but no fine repeating pattern.
        let texels =
            place.filter(|place| place.endless).map_or(0.0, |place| place.texels_per_px(size));
        let step_px = settings.step_px.min(settings.step_texels / texels);
        Self { from_middle, bounds, step_px }
    }

    /// The number of steps that the motion in a tile needs.
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
