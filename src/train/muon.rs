//! The direction of a step of Muon (Jordan et al., 2024, <https://kellerjordan.github.io/posts/muon>):
//! the momentum of a layer's weight matrix, with all its singular values brought close to one.
//!
//! Adam scales every weight by itself. The gradient of a convolution has a few strong directions,
//! and the weak ones, which matter as much, hardly move. Orthogonalized, all move alike.

use nalgebra::DMatrix;

/// Coefficients of the quintic Newton-Schulz iteration and the number of its iterations, as published:
/// singular values between 0.01 and 1 end between 0.7 and 1.2.
const QUINTIC: [f32; 3] = [3.4445, -4.775, 2.0315];
const ITERATIONS: usize = 5;
/// Decay of the momentum, as published.
pub(super) const MOMENTUM: f64 = 0.95;
/// The root mean square of an Adam step, relative to its learning rate. The same rate then suits both
/// (Liu et al., "Muon is scalable for LLM training", 2025, section 2.2).
const ADAM_RMS: f32 = 0.2;

/// The step for the weights `momentum` of a layer with `outputs` rows, relative to the learning rate:
/// its root mean square is about 0.2. A momentum of zeros gives zeros.
pub(super) fn direction(momentum: &[f32], outputs: usize) -> Vec<f32> {
    let inputs = momentum.len() / outputs.max(1);
    // Column by column, so this is the transpose of the row-major matrix. The shorter side is made
    // the number of rows, which keeps the products small.
    let mut x = DMatrix::from_column_slice(inputs, outputs, momentum);
    let tall = inputs > outputs;
    if tall {
        x = x.transpose();
    }
    let norm = x.norm();
    if norm <= f32::MIN_POSITIVE {
        return vec![0.0; momentum.len()];
    }
    x /= norm;
    let [a, b, c] = QUINTIC;
    for _ in 0..ITERATIONS {
        let gram = &x * x.transpose();
        let polynomial = &gram * b + &gram * &gram * c;
        x = &x * a + polynomial * &x;
    }
    if tall {
        x = x.transpose();
    }
    let scale = ADAM_RMS * (inputs.max(outputs) as f32).sqrt();
    x.iter().map(|v| v * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_singular_values_of_a_direction_are_alike() {
        for (outputs, inputs) in [(8, 50), (40, 6), (16, 24)] {
            // A matrix with one strong direction, and weak ones down to a fiftieth of it.
            let mut random = crate::random::KeyedRng::keyed(&[1, outputs as u64]);
            let momentum: Vec<f32> = (0..outputs * inputs)
                .map(|i| {
                    let strong = (i % inputs) as f64 * 0.02 * (1.0 + (i / inputs) as f64);
                    (strong + random.normal()) as f32
                })
                .collect();
            let step = DMatrix::from_row_slice(outputs, inputs, &direction(&momentum, outputs));
            let scale = ADAM_RMS * (inputs.max(outputs) as f32).sqrt();
            let values = step.singular_values() / scale;
            assert!(values.iter().all(|v| (0.3..1.3).contains(v)), "{values}");
        }
        assert_eq!(direction(&[0.0; 6], 2), [0.0; 6]);
    }
}
