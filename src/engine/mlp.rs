//! The first layer of the fusion's MLP, divided as all engines compute it: it is linear, so that it
//! is applied to both maps before the nearest-neighbour gathers.

use crate::image::Size;
use crate::network::Weights;

/// The first layer of one level; matrices are `(output, input)`.
pub(super) struct FirstLayer {
    /// On event features.
    pub(super) event: Vec<f32>,
    /// On image features.
    pub(super) image: Vec<f32>,
    /// On a pixel's relative row, for every output, then on its column.
    pub(super) relative: Vec<f32>,
    bias: Vec<f32>,
    /// On the height and the width of an event cell in pixels.
    cell: [Vec<f32>; 2],
}

impl FirstLayer {
    /// The layer of level `name`, which has `c` channels.
    pub(super) fn new(weights: &Weights, name: &str, c: usize) -> Self {
        let get = |what: &str| weights.get(&format!("{name}.mlp.imnet.layers.0.{what}"));
        let (w, inputs) = (get("weight"), 2 * c + 4);
        let columns = |from: usize, count: usize| -> Vec<f32> {
            w.chunks_exact(inputs)
                .flat_map(|row| row.iter().skip(from).take(count))
                .copied()
                .collect()
        };
        Self {
            event: columns(0, c),
            image: columns(c + 4, c),
            relative: [columns(c, 1), columns(c + 1, 1)].concat(),
            bias: get("bias").to_vec(),
            cell: [columns(c + 2, 1), columns(c + 3, 1)],
        }
    }

    /// The layer's bias for maps of these sizes: an event cell's height and width are twice its share
    /// of the image's sides.
    pub(super) fn bias(&self, event: Size, image: Size) -> Vec<f32> {
        let share = |event: usize, image: usize| 2.0 * event as f32 / image as f32;
        let cell = [share(event.height, image.height), share(event.width, image.width)];
        (self.bias.iter().zip(&self.cell[0]).zip(&self.cell[1]))
            .map(|((b, h), w)| b + h * cell[0] + w * cell[1])
            .collect()
    }
}
