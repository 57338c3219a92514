//! Random weights, images and events.

use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Blurry, Engine, Events, Image, OutputFormat, OutputRef, Restored};
use gem_live::event::{Event, EventInput, Thresholds};
use gem_live::image::{Rounding, Size};
use gem_live::network::{Tensor, Weights, parameters};
use gem_live::time::TimeRange;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Weights as PyTorch starts them, but with offsets and masks that are not zero.
pub fn weights(seed: u64) -> Weights {
    weights_for(EventInput::Counts, seed)
}

/// The same of the kind that reads `input`.
pub fn weights_for(input: EventInput, seed: u64) -> Weights {
    let mut rng = StdRng::seed_from_u64(seed);
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape[1..].iter().product();
        let scale = if name.contains("offset") { 1.5 } else { 1.7 } / (inputs as f32).sqrt();
        let bound = if shape.len() == 1 { 0.1 } else { scale };
        let count = shape.iter().product();
        let data = (0..count).map(|_| rng.random_range(-bound..bound)).collect();
        (name, Tensor { shape, data })
    };
    Weights::from_tensors(parameters(input).into_iter().map(tensor).collect()).unwrap()
}

pub struct Scene {
    pub blur: Vec<f32>,
    pub image: Size,
    pub sensor: Size,
    pub padded: Size,
    pub events: Vec<Event>,
}

pub const EXPOSURE: TimeRange = TimeRange::new(1_000_000.25, 1_008_000.75);

impl Scene {
    pub fn new(image: Size, sensor: Size, padded: Size) -> Self {
        Self::seeded(7, image, sensor, padded)
    }

    pub fn seeded(seed: u64, image: Size, sensor: Size, padded: Size) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let blur = (0..3 * image.area()).map(|_| rng.random_range(0.0..1.0)).collect();
        let event = |_| Event {
            t_us: rng.random_range(999_000..1_009_000),
            x: rng.random_range(0..sensor.width as u16),
            y: rng.random_range(0..sensor.height as u16),
            polarity: rng.random(),
        };
        Self { blur, image, sensor, padded, events: (0..9000).map(event).collect() }
    }

    /// Rounds the image to what eight bits hold.
    #[allow(dead_code, reason = "only the tests of CUDA use it")]
    pub fn in_eight_bits(&mut self) {
        self.blur.iter_mut().for_each(|v| *v = (*v * 255.0).floor() / 255.0);
    }

    pub fn restore(&self, engine: &mut dyn Engine, targets: &[TimeRange]) -> Vec<Restored> {
        let Size { width, height } = self.image;
        let blur = Image { data: &self.blur, height, width };
        engine.restore_events(&blur, &self.events(targets)).unwrap()
    }

    pub fn events<'a>(&'a self, targets: &'a [TimeRange]) -> Events<'a> {
        Events {
            events: &self.events,
            exposure: EXPOSURE,
            targets,
            sensor: self.sensor,
            padded: self.padded,
            thresholds: Thresholds::DEFAULT,
        }
    }

    /// An image of eight bits gives the same bits whether it is sent as such or as numbers, in either
    /// of two exposures in flight.
    pub fn compare_eight_bits(mut self, engine: &mut dyn Engine) {
        self.in_eight_bits();
        for (v, to) in (0..=255_u8).zip(&mut self.blur) {
            *to = f32::from(v) / 255.0;
        }
        let targets = [0.2, 0.6].map(|f| TimeRange::instant(EXPOSURE.at(f)));
        let Size { width, height } = self.image;
        let blur = Image { data: &self.blur, height, width };
        let events = self.events(&targets);
        for form in [OutputFormat::F32, OutputFormat::U8(Rounding::Nearest)] {
            let Some(queue) = engine.queue() else { panic!("a card has a queue") };
            let mut results = [Vec::new(), Vec::new()];
            let mut images: [&dyn Blurry; 2] = [&Numbers(blur), &Bytes(blur)];
            // Either in each lane.
            if form == OutputFormat::F32 {
                images.reverse();
            }
            for image in images {
                assert!(queue.submit(image, &events, form).unwrap());
            }
            for results in &mut results {
                let take = &mut |one: OutputRef<'_>| match one {
                    OutputRef::F32 { latent, ratio } => {
                        results.extend(latent.iter().chain(ratio).map(|v| v.to_bits()));
                    }
                    OutputRef::U8(pixels) => results.extend(pixels.iter().map(|v| u32::from(*v))),
                };
                queue.collect(take).unwrap();
            }
            assert!(!results[0].is_empty() && results[0] == results[1], "{form:?}");
        }
    }
}

/// An image that is always sent as floating-point numbers.
struct Numbers<'a>(Image<'a>);

impl Blurry for Numbers<'_> {
    fn size(&self) -> Size {
        self.0.size()
    }

    fn write_plane(&self, channel: usize, to: &mut [f32]) {
        self.0.write_plane(channel, to);
    }
}

/// An image that must be sent in eight bits.
struct Bytes<'a>(Image<'a>);

impl Blurry for Bytes<'_> {
    fn size(&self) -> Size {
        self.0.size()
    }

    fn write_plane(&self, channel: usize, _: &mut [f32]) {
        panic!("plane {channel} was sent as numbers");
    }

    fn write_bytes(&self, channel: usize, to: &mut [u8]) -> bool {
        self.0.write_bytes(channel, to)
    }
}

/// `weights` of which only the finest `levels` contribute. Unlike with
/// [`Weights::with_levels`], the layers of the others keep their weights, which must not matter.
pub fn with_levels(weights: &Weights, levels: usize) -> Weights {
    let silent = format!("dec.up{}.conv1", 5 - levels);
    let silence = |(name, tensor): (&str, &Tensor)| {
        let mut tensor = tensor.clone();
        if levels < 5 && name.strip_prefix(&silent).is_some() {
            tensor.data.fill(if name.ends_with("bias") { -0.1 } else { 0.0 });
        }
        (name.to_owned(), tensor)
    };
    let weights = Weights::from_tensors(weights.iter().map(silence).collect()).unwrap();
    assert_eq!(weights.contributing_levels(), levels);
    weights
}

/// Weights that restore what `weights(seed)` restores, with a last feature map that is four million
/// times as large: more than half precision holds.
pub fn with_large_maps(seed: u64) -> Weights {
    // No weight is multiplied by both: that would exceed half precision.
    let [inner, outer] = [64.0, 65_536.0];
    let scale = |(name, tensor): (&str, &Tensor)| {
        let factor = match name {
            "msff1.dcn.weight" | "msff1.dcn.bias" => inner,
            "dec.up4.conv1.weight" | "dec.up4.conv1.bias" => inner,
            "dec.up4.conv2.weight" => outer,
            "dec.up4.conv2.bias" => inner * outer,
            "dec.conv.weight" => 1.0 / (inner * outer),
            _ => 1.0,
        };
        let data = tensor.data.iter().map(|v| v * factor).collect();
        (name.to_owned(), Tensor { shape: tensor.shape.clone(), data })
    };
    Weights::from_tensors(weights(seed).iter().map(scale).collect()).unwrap()
}

/// `weights` whose sharp image is close to the blurry one, with this noise.
pub fn with_noise(weights: &Weights, noise: f32) -> Weights {
    let calm = |(name, tensor): (&str, &Tensor)| {
        let mut tensor = tensor.clone();
        if name == "dec.conv.bias" {
            // Softplus of it is 1.
            tensor.data.fill(0.541_324_85);
        }
        (name.to_owned(), tensor)
    };
    let weights = Weights::from_tensors(weights.iter().map(calm).collect()).unwrap();
    weights.with_residual_noise(noise).unwrap()
}

impl Scene {
    /// Darkens the left of the image, where changes are small then.
    fn with_a_dark_left(mut self) -> Self {
        let width = self.image.width;
        for (i, v) in self.blur.iter_mut().enumerate() {
            if i % width < width / 2 {
                *v *= 0.02;
            }
        }
        self
    }
}

/// A scene, weights with so much noise that a part of its changes is undone, and what the CPU restores
/// with them.
pub fn shrunk_scene(targets: &[TimeRange]) -> (Scene, Weights, Restored) {
    let plain_weights = with_noise(&weights(3), 0.0);
    let scene = Scene::new(Size::new(64, 48), Size::new(32, 24), Size::new(32, 24));
    let scene = scene.with_a_dark_left();
    let restore = |weights: &Weights| {
        scene.restore(&mut CpuEngine::new(weights, 0).unwrap(), targets).remove(0)
    };
    let plain = restore(&plain_weights);
    let changes = plain.latent.iter().zip(&scene.blur);
    let square: f32 = changes.map(|(p, b)| (p - b) * (p - b)).sum();
    // Half of the image is dark and hardly changes.
    let noise = 0.6 * (2.0 * square / scene.blur.len() as f32).sqrt();
    let weights = plain_weights.with_residual_noise(noise).unwrap();
    let shrunk = restore(&weights);
    check_shrunk(&shrunk, &plain, &scene.blur);
    (scene, weights, shrunk)
}

/// Checks that noise made a difference: parts of `shrunk` are the blurry image, others are between it
/// and `plain`.
fn check_shrunk(shrunk: &Restored, plain: &Restored, blur: &[f32]) {
    let kept = shrunk.latent.iter().zip(blur).filter(|(s, b)| s == b).count();
    let between = |((s, p), b): ((&f32, &f32), &f32)| {
        let (to_shrunk, to_plain) = ((s - b).abs(), (p - b).abs());
        to_shrunk > 0.1 * to_plain && to_shrunk < 0.95 * to_plain
    };
    let between = shrunk.latent.iter().zip(&plain.latent).zip(blur).filter(|v| between(*v)).count();
    let all = blur.len();
    assert!(kept > all / 10 && between > all / 10, "{kept} kept, {between} between, of {all}");
}
