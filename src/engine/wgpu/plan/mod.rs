//! SAN for one pair of sizes: all memory on the device, and every dispatch.

mod builder;
mod convolution;
mod events;
mod fusion;
mod image;
mod step;

use self::image::HeadBindings;
use super::device::Device;
use super::layers::Layers;
use crate::engine::wgpu::shaders::HeadOutput;
use crate::event::CHANNELS;
use crate::image::Size;
use builder::Builder;
use std::mem::take;
pub(super) use step::Step;
use wgpu::{Buffer, BufferUsages};

/// Sizes that a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) image: Size,
    pub(super) sensor: Size,
    pub(super) padded: Size,
    /// Events that there is space for; `None` if event tensors are uploaded instead.
    pub(super) events: Option<usize>,
}

impl Shape {
    /// Whether a plan of this shape can be used for `wanted`.
    pub(super) fn serves(self, wanted: Self) -> bool {
        let enough = match (self.events, wanted.events) {
            (Some(space), Some(events)) => space >= events,
            (own, other) => own == other,
        };
        enough && Self { events: None, ..self } == Self { events: None, ..wanted }
    }
}

/// Dispatches and memory. A queue executes in order, so that one set of maps serves all targets of
/// all exposures, one after the other: `image` once per exposure, then `events`, `body` and one of
/// the heads once per target.
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// Counts the events; empty if event tensors are uploaded instead.
    pub(super) count: Vec<Step>,
    pub(super) events: Vec<Step>,
    /// Of an image in single precision, and of one in eight bits.
    pub(super) image: [Vec<Step>; 2],
    /// Fusion and decoder.
    pub(super) body: Vec<Step>,
    /// The network's end, with results in single precision and in eight bits.
    pub(super) numbers: (Step, Buffer),
    pub(super) pixels: (Step, Buffer),
    /// The same into a picture that stays on the device.
    head: HeadBindings,
    /// The blurry image, three planes in single precision, or at its start in eight bits.
    pub(super) blurry: Buffer,
    /// [`super::parameters::Target`]
    pub(super) target: Buffer,
    /// Places of the events' counts, or an event tensor.
    pub(super) input: Buffer,
    /// Cleared before events are counted.
    pub(super) counts: Buffer,
    /// All memory of the plan on the device.
    pub(super) bytes: u64,
}

impl Plan {
    pub(super) fn new(device: &mut Device, layers: &Layers, shape: Shape) -> Self {
        let mut b = Builder::new(device, layers);
        let (area, cells) = (shape.image.area() as u64, shape.padded.area() as u64);
        let filled = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let read = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let blurry = b.buffer("blurry image", 12 * area, filled);
        let input = match shape.events {
            Some(events) => b.buffer("events", 4 * events as u64, filled),
            None => {
                let channels = layers.input.channels() as u64;
                b.buffer("event tensor", 4 * channels * cells, filled)
            }
        };
        let counted = if shape.events.is_some() { shape.sensor.area() * CHANNELS } else { 0 };
        let counts = b.buffer("counts", 4 * counted as u64, filled);
        let target = b.buffer("target", 96, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let numbers = b.buffer("numbers", 24 * area, read);
        let pixels = b.buffer("pixels", 3 * area, read);
        let (image_maps, image) = b.image_part(shape.image, &blurry);
        if shape.events.is_some() {
            b.count(&target, &input, &counts);
        }
        let count = take(&mut b.steps);
        let event_maps = b.event_part(shape, &target, &input, &counts);
        let events = take(&mut b.steps);
        let mut fused = Vec::new();
        for (level, (event, image)) in event_maps.into_iter().zip(&image_maps).enumerate() {
            fused.push(b.fuse_and_deform(level, event, image));
        }
        let decoded = b.decoded(fused);
        let body = take(&mut b.steps);
        let head = b.head_bindings(&decoded, &blurry, &target);
        let [numbers, pixels] = [(HeadOutput::F32, numbers), (HeadOutput::U8, pixels)]
            .map(|(kind, to)| (head.step(b.device, kind, to.as_entire_binding()), to));
        let bytes = b.bytes;
        Self {
            shape,
            count,
            events,
            image,
            body,
            numbers,
            pixels,
            head,
            blurry,
            target,
            input,
            counts,
            bytes,
        }
    }

    /// The network's end, with its result in a texture.
    pub(super) fn picture_head(
        &self,
        device: &mut Device,
        view: &wgpu::TextureView,
        gray: bool,
    ) -> Step {
        let to = wgpu::BindingResource::TextureView(view);
        self.head.step(device, HeadOutput::Picture { gray }, to)
    }
}
