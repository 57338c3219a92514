//! Constants that depend only on the sizes of image and event map: the sampling positions of the
//! fusion, and the matrices that upsample the decoder's maps.

use crate::engine::corners::{Corner as Place, corners};
use crate::network::FUSION_LEVELS;
use crate::train::cpu::Input;
use crate::train::resize::taps;
use burn_tensor::backend::Backend;
use burn_tensor::{Device, Int, Tensor, TensorData};

/// One of the four corners of every pixel's cell.
pub(super) struct Corner<B: Backend> {
    /// Event rows and columns, image rows and columns.
    pub(super) samples: [Tensor<B, 1, Int>; 4],
    /// Relative y, `(1, 1, height, 1)`, and x, `(1, 1, 1, width)`.
    pub(super) down: Tensor<B, 4>,
    pub(super) across: Tensor<B, 4>,
    /// Area share of the opposite rectangle, `(1, 1, height, width)`.
    pub(super) share: Tensor<B, 4>,
}

/// One level of the fusion.
pub(super) struct Level<B: Backend> {
    pub(super) corners: Vec<Corner<B>>,
    /// Height and width of a cell in half image pixels.
    pub(super) cell: [f32; 2],
}

/// All levels, and the upsampling of the decoder from the smallest map on: matrices from the left
/// for rows and from the right for columns. Bicubic interpolation is linear, so this is exact, and
/// every device can differentiate it.
pub(super) struct Shapes<B: Backend> {
    pub(super) levels: Vec<Level<B>>,
    pub(super) ups: Vec<[Tensor<B, 4>; 2]>,
}

fn level<B: Backend>(
    (eh, ew): (usize, usize),
    (h, w): (usize, usize),
    device: &Device<B>,
) -> Level<B> {
    let sides = [-1.0, 1.0];
    let (rows, columns) = (sides.map(|s| corners(h, eh, s)), sides.map(|s| corners(w, ew, s)));
    let pairs = || rows.iter().flat_map(|r| columns.iter().map(move |c| (r, c)));
    let areas: Vec<Vec<f32>> = pairs()
        .map(|(r, c)| {
            let area = |y: f32, x: f32| (y * x).abs() + 1e-9;
            r.iter().flat_map(|y| c.iter().map(move |x| area(y.relative, x.relative))).collect()
        })
        .collect();
    let total: Vec<f32> = (0..h * w).map(|i| areas.iter().filter_map(|a| a.get(i)).sum()).collect();
    let numbers = |values: Vec<f32>, shape: [usize; 4]| {
        Tensor::from_data(TensorData::new(values, shape), device)
    };
    let indices = |values: Vec<usize>| {
        let values: Vec<i32> = (values.iter()).map(|v| i32::try_from(*v).unwrap_or(0)).collect();
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), device)
    };
    let corner = |((r, c), opposite): ((&Vec<Place>, &Vec<Place>), &Vec<f32>)| {
        let share = opposite.iter().zip(&total).map(|(a, t)| a / t).collect();
        Corner {
            samples: [
                indices(r.iter().map(|q| q.event).collect()),
                indices(c.iter().map(|q| q.event).collect()),
                indices(r.iter().map(|q| q.image).collect()),
                indices(c.iter().map(|q| q.image).collect()),
            ],
            down: numbers(r.iter().map(|q| q.relative).collect(), [1, 1, h, 1]),
            across: numbers(c.iter().map(|q| q.relative).collect(), [1, 1, 1, w]),
            share: numbers(share, [1, 1, h, w]),
        }
    };
    Level {
        corners: pairs().zip(areas.iter().rev()).map(corner).collect(),
        cell: [2.0 * eh as f32 / h as f32, 2.0 * ew as f32 / w as f32],
    }
}

/// The matrix that upsamples `n` values by two, `(2n, n)`, row by row.
fn doubling(n: usize) -> Vec<f32> {
    let mut matrix = vec![0.0_f32; 2 * n * n];
    for (row, taps) in matrix.chunks_exact_mut(n.max(1)).zip(taps(n, 2 * n)) {
        for (index, weight) in taps {
            // At the edges several taps read the same value.
            if let Some(v) = row.get_mut(index) {
                *v += weight;
            }
        }
    }
    matrix
}

impl<B: Backend> Shapes<B> {
    pub(super) fn new(input: &Input, device: &Device<B>) -> Self {
        let mut sizes =
            vec![((input.event_height, input.event_width), (input.height, input.width))];
        for _ in 1..FUSION_LEVELS.len() {
            let ((eh, ew), (h, w)) = sizes.last().copied().unwrap_or_default();
            sizes.push(((eh / 2, ew / 2), (h / 2, w / 2)));
        }
        let matrix = |n: usize| {
            let data = TensorData::new(doubling(n), [1, 1, 2 * n, n]);
            Tensor::<B, 4>::from_data(data, device)
        };
        let up = |(_, (h, w)): &(_, (usize, usize))| [matrix(*h), matrix(*w).swap_dims(2, 3)];
        Self {
            levels: sizes.iter().map(|(event, image)| level(*event, *image, device)).collect(),
            ups: sizes.iter().rev().take(sizes.len() - 1).map(up).collect(),
        }
    }
}
