//! Weights for tests.

#![allow(dead_code, reason = "every test uses only a part")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use gem_live::event::EventInput;
use gem_live::network::{Tensor, Weights, parameters};
use rand::{Rng, SeedableRng};

/// Weights of typical size, with offsets of about a pixel.
pub fn random_weights(seed: u64) -> Weights {
    random_weights_for(EventInput::Counts, seed)
}

/// The same for the network that reads `event_input`.
pub fn random_weights_for(event_input: EventInput, seed: u64) -> Weights {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let one = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let bound = if shape.len() > 1 { (3.0 / inputs as f32).sqrt() } else { 0.3 };
        let data = (0..shape.iter().product()).map(|_| rng.random_range(-bound..bound)).collect();
        (name, Tensor { shape, data })
    };
    Weights::from_tensors(parameters(event_input).into_iter().map(one).collect()).unwrap()
}
