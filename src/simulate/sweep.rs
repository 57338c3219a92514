//! A stretch of time in one go: every group of rows is drawn at every moment while it lies in
//! the processor's cache, summed for the frame and averaged for the event sensor.

use super::light::LUMA_BGR;
use super::scene::View;
use super::{Scene, Shutter};
use crate::frame::Size;
use rayon::prelude::*;

/// A moment of the scene's time, and how much of its light the shutter lets in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) t_s: f64,
    pub(super) weight: f32,
}

/// Rows of the sensor that are drawn together.
const ROWS: usize = 2;

/// Memory for sweeps of one size.
pub(super) struct Sweep {
    image: Size,
    sensor: Size,
    /// Light on the sensor, moment by moment.
    seen: Vec<Vec<f32>>,
    /// The same by groups of rows, which threads write.
    groups: Vec<Vec<f32>>,
    instant: Shutter,
}

impl Sweep {
    /// For frames and a sensor that is no larger.
    pub(super) fn new(image: Size, sensor: Size) -> Self {
        let groups = vec![Vec::new(); sensor.height.div_ceil(ROWS)];
        Self { image, sensor, seen: Vec::new(), groups, instant: Shutter::new(image) }
    }

    /// Lets moments pass; adds their light to `shutter`, and keeps the one of number `instant`.
    pub(super) fn run(
        &mut self,
        scene: &Scene,
        moments: &[Moment],
        instant: usize,
        shutter: &mut Shutter,
    ) {
        let (image, sensor) = (self.image, self.sensor);
        let views: Vec<Vec<View<'_>>> = moments
            .iter()
            .map(|m| scene.layers.iter().filter_map(|l| scene.view_of(l, m.t_s, image)).collect())
            .collect();
        let (sum, weight) = shutter.parts();
        let (kept, kept_weight) = self.instant.parts();
        *weight += moments.iter().map(|m| f64::from(m.weight)).sum::<f64>();
        *kept_weight = 1.0;
        // The same groups of rows in both images and in the sensor's.
        let mut tasks = Vec::with_capacity(self.groups.len());
        let (mut sums, mut kepts) = (sum.pixels_mut(), kept.pixels_mut());
        for (i, group) in self.groups.iter_mut().enumerate() {
            let rows = (i * ROWS)..((i + 1) * ROWS).min(sensor.height);
            let first = edge(rows.start, sensor.height, image.height);
            let pixels = (edge(rows.end, sensor.height, image.height) - first) * image.width;
            let (sum, rest) = sums.split_at_mut(pixels);
            sums = rest;
            let (kept, rest) = kepts.split_at_mut(pixels);
            kepts = rest;
            tasks.push(Task { rows, first, sum, kept, seen: group });
        }
        tasks.into_par_iter().for_each_init(
            || (vec![[0.0_f32; 4]; image.width], vec![[0.0_f32; 3]; sensor.width]),
            |(row, cells), mut task| {
                task.seen.clear();
                for (k, (moment, views)) in moments.iter().zip(&views).enumerate() {
                    task.draw(
                        self.image,
                        self.sensor,
                        views,
                        scene.gain,
                        row,
                        cells,
                        |task, y, row| {
                            task.expose(y, row, moment.weight, k == instant);
                        },
                    );
                }
            },
        );
        // Back to one image of the sensor per moment.
        self.seen.resize_with(moments.len().max(self.seen.len()), Vec::new);
        for (k, seen) in self.seen.iter_mut().take(moments.len()).enumerate() {
            seen.clear();
            for group in &self.groups {
                let length = group.len() / moments.len();
                seen.extend_from_slice(&group[k * length..(k + 1) * length]);
            }
        }
    }

    /// Light on the sensor at the moment of a number.
    pub(super) fn seen(&self, moment: usize) -> &[f32] {
        &self.seen[moment]
    }

    /// The light of the instant that was kept.
    pub(super) fn instant(&mut self) -> &mut Shutter {
        &mut self.instant
    }
}

/// Where cell `i` of `n` begins along `whole` pixels.
fn edge(i: usize, n: usize, whole: usize) -> usize {
    i * whole / n
}

/// One group of rows.
struct Task<'a> {
    /// Of the sensor.
    rows: std::ops::Range<usize>,
    /// Its first row of the image.
    first: usize,
    sum: &'a mut [[f32; 4]],
    kept: &'a mut [[f32; 4]],
    seen: &'a mut Vec<f32>,
}

impl Task<'_> {
    /// Draws one moment; every finished row of the image goes to `done`.
    #[allow(clippy::too_many_arguments, reason = "one loop's buffers")]
    fn draw(
        &mut self,
        image: Size,
        sensor: Size,
        views: &[View<'_>],
        gain: f32,
        row: &mut [[f32; 4]],
        cells: &mut [[f32; 3]],
        mut done: impl FnMut(&mut Self, usize, &[[f32; 4]]),
    ) {
        for line in self.rows.clone() {
            let (top, below) = (
                edge(line, sensor.height, image.height),
                edge(line + 1, sensor.height, image.height),
            );
            cells.fill([0.0; 3]);
            for y in top..below {
                row.fill([0.0; 4]);
                for view in views {
                    view.draw(y, row);
                }
                for pixel in row.iter_mut() {
                    *pixel = pixel.map(|v| v * gain);
                }
                add_cells(row, cells);
                done(self, y - self.first, row);
            }
            let [blue, green, red] = LUMA_BGR;
            for (x, cell) in cells.iter().enumerate() {
                let width =
                    edge(x + 1, sensor.width, image.width) - edge(x, sensor.width, image.width);
                let share = 1.0 / (width * (below - top)) as f32;
                self.seen.push((cell[0] * blue + cell[1] * green + cell[2] * red) * share);
            }
        }
    }

    /// Lets the light of row `y` of the group in.
    fn expose(&mut self, y: usize, row: &[[f32; 4]], weight: f32, keep: bool) {
        let here = y * row.len()..(y + 1) * row.len();
        if weight > 0.0 {
            for (sum, pixel) in self.sum[here.clone()].iter_mut().zip(row) {
                *sum = std::array::from_fn(|c| sum[c] + weight * pixel[c]);
            }
        }
        if keep {
            self.kept[here].copy_from_slice(row);
        }
    }
}

/// Adds every pixel of a row to the cell of the sensor that it falls into.
fn add_cells(row: &[[f32; 4]], cells: &mut [[f32; 3]]) {
    let (n, whole) = (cells.len(), row.len());
    let add = |cell: &mut [f32; 3], pixels: &[[f32; 4]]| {
        for pixel in pixels {
            *cell = std::array::from_fn(|c| cell[c] + pixel[c]);
        }
    };
    if whole.is_multiple_of(n) {
        cells.iter_mut().zip(row.chunks_exact(whole / n)).for_each(|(cell, p)| add(cell, p));
        return;
    }
    for (x, cell) in cells.iter_mut().enumerate() {
        add(cell, &row[edge(x, n, whole)..edge(x + 1, n, whole)]);
    }
}

impl Scene {
    /// How far anything that is seen at a size moves between two moments, in pixels.
    pub(super) fn reach_px(&self, from_s: f64, until_s: f64, size: Size) -> f64 {
        let (w, h) = (size.width as f64, size.height as f64);
        let reach = |layer: &super::Layer| -> Option<f64> {
            let (from, until) =
                (self.matrix(layer, from_s, size), self.matrix(layer, until_s, size));
            let (back_from, back_until) = (from.inverse()?, until.inverse()?);
            let points = if layer.texture.endless() {
                [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| from.apply(x, y))
            } else {
                let (w, h) =
                    (layer.texture.size().width as f64, layer.texture.size().height as f64);
                // The middles of the sides: the rim of what turns.
                [(w / 2.0, 0.0), (w, h / 2.0), (w / 2.0, h), (0.0, h / 2.0)]
            };
            let travel = |(x, y): (f64, f64)| {
                let ((ax, ay), (bx, by)) = (back_from.apply(x, y), back_until.apply(x, y));
                (ax - bx).hypot(ay - by)
            };
            Some(points.into_iter().map(travel).fold(0.0, f64::max))
        };
        self.layers.iter().filter_map(reach).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LightImage, stage};
    use super::*;

    #[test]
    fn a_sweep_is_what_rendering_adding_and_averaging_moment_by_moment_gives() {
        // The sensor's cells are of two sizes here, in both directions.
        let (image, sensor) = (Size::new(70, 52), Size::new(32, 20));
        let scene = stage(3);
        let moments = [(0.0, 0.5), (0.01, 1.0), (0.02, 0.5), (0.05, 0.0)]
            .map(|(t_s, weight)| Moment { t_s, weight });
        let (mut sweep, mut swept) = (Sweep::new(image, sensor), Shutter::new(image));
        sweep.run(&scene, &moments, 1, &mut swept);
        let (mut light, mut summed) = (LightImage::dark(image), Shutter::new(image));
        for (k, moment) in moments.iter().enumerate() {
            scene.render(moment.t_s, image, &mut light);
            if moment.weight > 0.0 {
                summed.add(&light, f64::from(moment.weight));
            }
            let mut seen = Vec::new();
            light.brightness(sensor, &mut seen);
            let off = seen.iter().zip(sweep.seen(k)).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-5, "moment {k}");
            if k == 1 {
                let kept = sweep.instant().parts().0;
                let off =
                    kept.pixels().iter().zip(light.pixels()).map(|(a, b)| (a[0] - b[0]).abs());
                assert!(off.fold(0.0, f32::max) < 1e-6);
            }
        }
        let linear = crate::simulate::Transfer::Linear;
        let (a, b) = (swept.planes(linear), summed.planes(linear));
        let off = a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{off}");
    }
}
