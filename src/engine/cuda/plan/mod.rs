//! The graph of SAN for one pair of sizes: all memory, and every launch with its arguments.

mod builder;
mod convolution;
mod events;
mod fusion;
mod image;

use super::arguments::{Address, block};
use super::device::{Device, Launch, Memory};
use super::layers::Layers;
use super::{Precision, arguments as args};
use crate::engine::OutputFormat;
use crate::engine::graph::Graph;
use crate::event::CHANNELS;
use crate::image::Size;
use builder::{Builder, Map};
use cudarc::driver::DriverError;
use std::collections::VecDeque;

/// Bytes of a blurry image.
pub(super) fn image_bytes(size: Size, eight_bit: bool) -> u64 {
    (size.area() * if eight_bit { 3 } else { 12 }) as u64
}

/// Sizes that a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) image: Size,
    pub(super) sensor: Size,
    pub(super) padded: Size,
    /// Whether events are counted on the card; otherwise event tensors are uploaded.
    pub(super) from_events: bool,
}

/// Launches and memory. Order: `events` and `image`, which are independent of each other, then
/// `body`, then one of the heads.
///
/// What an exposure brings lies in one of two lanes, so that the next one can arrive while this
/// one is computed; what belongs to a target, its events' features and its results, in one of
/// two slots. Everything between is shared: one target at a time passes through it.
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// By slot.
    pub(super) events: [Vec<Launch>; 2],
    /// By lane, for an image in single precision and for one in eight bits.
    image: [[Vec<Launch>; 2]; 2],
    /// Fusion and decoder, by slot.
    pub(super) body: [Vec<Launch>; 2],
    pub(super) lanes: [LaneMemory; 2],
    pub(super) slots: [SlotMemory; 2],
    /// The network's end without inputs and outputs.
    head: Launch,
    head_arguments: args::Head,
    sums: Address,
    /// All device memory of the plan.
    pub(super) bytes: usize,
    _memory: Vec<Memory>,
}

/// One exposure's blurry image. Its packed events lie in memory of the session, which grows.
#[derive(Clone, Copy)]
pub(super) struct LaneMemory {
    pub(super) blur: Address,
}

/// One target's inputs and results.
#[derive(Clone, Copy)]
pub(super) struct SlotMemory {
    /// What the counting kernels read, or the map `(channels, h, w)` instead of events.
    pub(super) header: Address,
    pub(super) event_tensor: Address,
    /// Cleared before the events are counted: address and bytes.
    pub(super) counts: (Address, usize),
    /// The latent image in eight bits.
    pub(super) pixels: Address,
}

impl Plan {
    pub(super) fn new(
        device: &Device,
        layers: &Layers,
        precision: Precision,
        shape: Shape,
    ) -> Result<Self, DriverError> {
        let mut b = Builder {
            device,
            layers,
            precision,
            memory: Vec::new(),
            written: Vec::new(),
            reusable: VecDeque::new(),
            bytes: 0,
            launches: Vec::new(),
        };
        let input = layers.input;
        let (area, cells) = (shape.image.area(), shape.padded.area());
        let (lanes, slots) = (
            twice(|_| Ok(LaneMemory { blur: b.allocate(3 * area * 4)? }))?,
            twice(|_| {
                Ok(SlotMemory {
                    header: b.allocate(size_of::<args::EgerHeader>())?,
                    event_tensor: b.allocate(if shape.from_events {
                        0
                    } else {
                        input.channels() * cells * 4
                    })?,
                    counts: (b.allocate(CHANNELS * cells * 2)?, CHANNELS * cells * 2),
                    pixels: b.allocate(3 * area)?,
                })
            })?,
        );
        let mut event_maps = Vec::new();
        let events = twice(|i| {
            event_maps.push(b.event_part(shape, &slots[i])?);
            Ok(std::mem::take(&mut b.launches))
        })?;
        let (start, mut image_maps) = (b.written.len(), Vec::new());
        let image = twice(|lane| {
            twice(|eight_bit| {
                b.share_from(start, 2 * lane + eight_bit);
                image_maps = b.image_part(shape, lanes[lane].blur, eight_bit == 1)?;
                Ok(std::mem::take(&mut b.launches))
            })
        })?;
        let none = Map { at: 0, size: shape.image, channels: 0, made_by: None };
        let (start, mut last) = (b.written.len(), none);
        let body = twice(|i| {
            b.share_from(start, i);
            let mut fused = Vec::new();
            for (level, (event, image)) in event_maps[i].iter().zip(&image_maps).enumerate() {
                let map = b.fuse(level, event.external(), image.external())?;
                fused.push(b.deform(level, map)?);
            }
            let map = b.decode(fused)?.unwrap_or(none);
            last = if b.half() { map } else { b.last_sums(map)? };
            Ok(std::mem::take(&mut b.launches))
        })?;
        let head_arguments = b.head(last)?;
        let head = b.launches.remove(0);
        let (bytes, _memory) = (b.bytes, b.memory);
        Ok(Self {
            shape,
            events,
            image,
            body,
            lanes,
            slots,
            head,
            head_arguments,
            sums: last.at,
            bytes,
            _memory,
        })
    }

    /// The image encoder on the image of a lane.
    pub(super) fn image(&self, lane: usize, eight_bit: bool) -> Vec<Launch> {
        self.image[lane][usize::from(eight_bit)].iter().map(Launch::duplicate).collect()
    }

    /// Fusion, decoder and the end that writes `form` of one slot, for the image of one lane.
    /// `numbers` is where latent image and ratio go in single precision.
    pub(super) fn finish(
        &self,
        slot: usize,
        (lane, eight_bit): (usize, bool),
        form: OutputFormat,
        numbers: Address,
    ) -> Vec<Launch> {
        let (to, image) = (&self.slots[slot], self.lanes[lane].blur);
        let eight_bits = i32::from(eight_bit);
        let mut head = args::Head { image, eight_bit: eight_bits, ..self.head_arguments };
        match form {
            OutputFormat::F32 => {
                head.latent = numbers;
                head.ratio = numbers + 12 * self.shape.image.area() as u64;
            }
            OutputFormat::U8(rounding) => {
                head.pixels = to.pixels;
                head.rounding = rounding.offset();
            }
        }
        let mut last = self.head.duplicate();
        last.arguments = if last.name == "finish_single" {
            block(&args::Finish { head, sums: self.sums })
        } else {
            block(&head)
        };
        last.after = self.body[slot].len().checked_sub(1).into_iter().collect();
        let size = self.shape.image;
        let results = 3 * size.area() as u64 * if form == OutputFormat::F32 { 8 } else { 1 };
        last.cost.bytes += image_bytes(size, eight_bit) + results;
        self.body[slot].iter().map(Launch::duplicate).chain([last]).collect()
    }
}

/// Two of something, the second like the first.
fn twice<T>(mut f: impl FnMut(usize) -> Result<T, DriverError>) -> Result<[T; 2], DriverError> {
    Ok([f(0)?, f(1)?])
}
