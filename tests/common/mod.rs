//! Weights, golden files and inputs for tests.

#![allow(dead_code, reason = "every test uses only a part")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

use gem_live::event::EventInput;
use gem_live::network::{Tensor, Weights, parameters, tensors};
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};

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

/// A file of `tests/golden`, which `scripts/make_goldens.py` has made.
pub fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A file or folder beside the repository. Tests that need one are ignored, named `shared_...`,
/// and run where the folder exists.
pub fn shared(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// `n` numbers from -1 (included) to 1 (excluded), the same as in `scripts/make_goldens.py`.
pub fn hashed(name: &str, n: usize) -> impl Iterator<Item = f64> + use<> {
    let fnv1a = |seed: u32, byte: u8| (seed ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = name.bytes().fold(0x811C_9DC5, fnv1a);
    (0..n).map(move |i| {
        let mut x = (i as u32).wrapping_mul(0x9E37_79B9).wrapping_add(seed);
        x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
        x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
        x ^= x >> 16;
        f64::from(x >> 8) / f64::from(1 << 23) - 1.0
    })
}

/// The weights that the golden passes were made with.
pub fn hashed_weights() -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let bound = if shape.len() > 1 { (3.0 / inputs as f64).sqrt() } else { 0.3 };
        let data = hashed(&name, shape.iter().product()).map(|v| (v * bound) as f32).collect();
        (name, Tensor { shape, data })
    };
    let tensors = parameters(EventInput::Counts).into_iter().map(one).collect();
    Weights::from_tensors(tensors).unwrap()
}

/// A pass that is stored in `tests/golden`.
pub struct GoldenPass {
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Height and width of the event tensor.
    pub event: [usize; 2],
    /// The blurry image.
    pub blur: Vec<f32>,
    /// The event tensor.
    pub events: Vec<f32>,
    /// The expected latent image.
    pub latent: Vec<f32>,
    /// The expected ratio.
    pub ratio: Vec<f32>,
}

/// The passes at the scale factors 1, 2 and 4.
pub fn golden_passes() -> impl Iterator<Item = (&'static str, GoldenPass)> {
    let sizes = [
        ("same", [32, 48], [32, 48]),
        ("half", [32, 32], [16, 16]),
        ("quarter", [64, 64], [16, 16]),
    ];
    sizes.into_iter().map(|(name, image, event)| {
        let file = tensors(&golden(&format!("forward_{name}.safetensors"))).unwrap();
        let area = |size: [usize; 2]| size[0] * size[1];
        let blur = hashed(&format!("{name}.blur"), 3 * area(image));
        let events = hashed(&format!("{name}.event"), 96 * area(event));
        let pass = GoldenPass {
            image,
            event,
            blur: blur.map(|v| ((v + 1.0) / 2.0) as f32).collect(),
            events: events.map(|v| ((v * 8.0).floor() - 4.0).max(0.0) as f32).collect(),
            latent: file["latent"].data.clone(),
            ratio: file["ratio"].data.clone(),
        };
        (name, pass)
    })
}
