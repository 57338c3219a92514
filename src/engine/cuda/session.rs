//! A plan at work: its graphs, its staging memory, and the exposures in flight.
//!
//! Four streams: uploads, the events' part, everything else, downloads. What has to wait for
//! what, and which memory is free when:
//!
//! * a lane (an exposure's inputs) is written again only after all its results have arrived;
//! * a slot (a target's inputs, event features and results) likewise after that one result;
//! * what lies between is used by the work stream alone, in order.
//!
//! # Why three graphs, and not one
//!
//! Every kernel of a run belongs to one of three captured graphs (launches in half precision):
//!
//! | graph | what | launches | runs | stream |
//! |---|---|---|---|---|
//! | events | counts cleared, EGER, event encoder, its projections | 16, 17 with the event prior | once an instant | events |
//! | image | image encoder, its projections | 15 | once an exposure | work |
//! | rest | fusion, deformable convolutions, decoder, pixels | 19 | once an instant | work |
//!
//! They are launched in that order, the first as soon as the events are complete, while the host
//! still pads and writes the image: a graph starts as a whole, so one that held both encoders
//! would keep the events waiting for the image. (A graph can wait for an event inside, but only
//! for one that was recorded before the graph was launched, which is the same wait.) The image is
//! encoded once for N instants, and N changes while the window is open: one graph would have to
//! be captured for every N, pair of lane and slots, and form of the result. And copies stay
//! outside, since how many bytes of events there are is known only when they are.
//!
//! The price is a launch more: 1 + 2 N graph launches an exposure with N instants, where there
//! were 15 + 35 N launches of kernels (`tests/cuda/steady.rs` counts them). The second and third
//! are put on their streams while the first runs, so the card does not wait for them.

use super::Precision;
use super::arguments::{Address, EgerHeader};
use super::arrivals::Arrivals;
use super::device::{Device, Memory};
use super::layers::Layers;
use super::plan::{Plan, Shape, SlotMemory};
use super::work::Work;
use crate::engine::{Blurry, OutputFormat, OutputRef};
use cudarc::driver::{CudaEvent, DriverError, PinnedHostSlice, result, sys};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Lanes, and slots.
pub(super) const DEPTH: usize = 2;
/// Events that a lane has room for at first; more than any MS-RBD frame has.
const FIRST_EVENTS: usize = 1 << 18;

pub(super) struct Session {
    pub(super) events: [Work; DEPTH],
    pub(super) image: [Work; DEPTH],
    /// By slot, lane and form; captured when first needed.
    finish: HashMap<(usize, usize, OutputFormat), Work>,
    pub(super) lanes: [Lane; DEPTH],
    slots: [Slot; DEPTH],
    pub(super) plan: Plan,
}

/// Staging memory of one exposure, and the device memory of its events.
pub(super) struct Lane {
    blur: PinnedHostSlice<f32>,
    packed: Packed,
    events_sent: CudaEvent,
    blur_sent: CudaEvent,
}

/// Room for the packed events of one exposure, two words each.
struct Packed {
    staging: PinnedHostSlice<u32>,
    device: Memory,
    events: usize,
}

impl Packed {
    fn new(device: &Device, events: usize) -> Result<Self, DriverError> {
        Ok(Self {
            staging: device.pinned(2 * events)?,
            device: device.allocate(8 * events)?,
            events,
        })
    }
}

/// Latent image and ratio of one target in single precision.
struct Numbers {
    staging: PinnedHostSlice<f32>,
    device: Memory,
}

/// Staging memory of one target.
struct Slot {
    header: PinnedHostSlice<u64>,
    voxels: PinnedHostSlice<f32>,
    /// Made when first needed: the window needs pixels alone.
    numbers: Option<Numbers>,
    pixels: PinnedHostSlice<u8>,
    /// Its event features are there.
    encoded: CudaEvent,
    computed: CudaEvent,
    copied: CudaEvent,
    /// The same, for a thread that sleeps until then.
    arrived: Arc<CudaEvent>,
}

/// A result was asked for that was never computed.
const NOT_THERE: DriverError = DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND);

impl Slot {
    /// Sends a result to the host.
    fn fetch(
        &mut self,
        device: &Device,
        from: SlotMemory,
        form: OutputFormat,
    ) -> Result<(), DriverError> {
        let stream = device.downloads.cu_stream();
        // SAFETY: there is as much device memory as each staging holds, which is not read before
        // the copy has ended.
        unsafe {
            match (form, &mut self.numbers) {
                (OutputFormat::F32, Some(numbers)) => {
                    let to = numbers.staging.as_mut_slice()?;
                    result::memcpy_dtoh_async(to, numbers.device.at, stream)
                }
                (OutputFormat::F32, None) => Err(NOT_THERE),
                (OutputFormat::U8(_), _) => {
                    result::memcpy_dtoh_async(self.pixels.as_mut_slice()?, from.pixels, stream)
                }
            }
        }
    }
}

impl Session {
    pub(super) fn new(
        device: &Device,
        layers: &Layers,
        precision: Precision,
        shape: Shape,
    ) -> Result<Self, DriverError> {
        let mut plan = Plan::new(device, layers, precision, shape)?;
        let area = shape.image.area();
        let maps = if shape.from_events { 0 } else { shape.padded.area() };
        let events = if shape.from_events { FIRST_EVENTS } else { 0 };
        let event = || device.context().new_event(None);
        let lane = || {
            Ok::<_, DriverError>(Lane {
                blur: device.pinned(3 * area)?,
                packed: Packed::new(device, events)?,
                events_sent: event()?,
                blur_sent: event()?,
            })
        };
        let slot = || {
            Ok::<_, DriverError>(Slot {
                header: device.pinned(size_of::<EgerHeader>() / 8)?,
                voxels: device.pinned(layers.input.channels() * maps)?,
                numbers: None,
                pixels: device.pinned(3 * area)?,
                encoded: event()?,
                computed: event()?,
                copied: event()?,
                arrived: Arc::new(device.sleeper()?),
            })
        };
        let (lanes, slots) = ([lane()?, lane()?], [slot()?, slot()?]);
        // Memory was allocated on the work stream; from here on all streams use it.
        device.work.synchronize()?;
        let take = std::mem::take::<Vec<_>>;
        let [first, second] = &mut plan.events;
        let cleared = |i: usize| shape.from_events.then_some(plan.slots[i].counts);
        let events = [
            Work::capture(device, &device.events, cleared(0), take(first)),
            Work::capture(device, &device.events, cleared(1), take(second)),
        ];
        let [first, second] = &mut plan.image;
        let image = [
            Work::capture(device, &device.work, None, take(first)),
            Work::capture(device, &device.work, None, take(second)),
        ];
        Ok(Self { events, image, finish: HashMap::new(), lanes, slots, plan })
    }

    /// Device memory in bytes, weights not counted.
    pub(super) fn device_bytes(&self) -> usize {
        let events: usize = self.lanes.iter().map(|l| 8 * l.packed.events).sum();
        let numbers = self.slots.iter().filter(|s| s.numbers.is_some()).count();
        self.plan.bytes + events + numbers * 24 * self.plan.shape.image.area()
    }

    /// The staging memory of a lane's packed events, with room for `events`. More memory is taken
    /// when needed; the plan, its graphs and the other lane stay as they are.
    pub(super) fn room_for(
        &mut self,
        device: &Device,
        lane: usize,
        events: usize,
    ) -> Result<&mut [u32], DriverError> {
        let lane = &mut self.lanes[lane];
        if lane.packed.events < events {
            lane.packed = Packed::new(device, events.next_power_of_two())?;
            // It was allocated on the work stream.
            device.uploads.join(&device.work)?;
        }
        lane.packed.staging.as_mut_slice()
    }

    /// Sends the first `words` of a lane's packed events on their way.
    pub(super) fn send_events(
        &mut self,
        device: &Device,
        lane: usize,
        words: usize,
    ) -> Result<(), DriverError> {
        let stream = &device.uploads;
        let staging = &mut self.lanes[lane];
        if words > 0 {
            let from = &staging.packed.staging.as_slice()?[..words];
            // SAFETY: the device memory has room for as many events as the staging, which is
            // written again only after all results of this lane have arrived.
            unsafe {
                result::memcpy_htod_async(staging.packed.device.at, from, stream.cu_stream())
            }?;
        }
        staging.events_sent.record(stream)
    }

    /// Writes an image to a lane, the planes in parallel, each on its way as soon as it is written.
    pub(super) fn send_image(
        &mut self,
        device: &Device,
        lane: usize,
        blur: &dyn Blurry,
    ) -> Result<(), DriverError> {
        let area = self.plan.shape.image.area();
        let staging = &mut self.lanes[lane];
        let first = self.plan.lanes[lane].blur;
        let planes = staging.blur.as_mut_slice()?.par_chunks_exact_mut(area);
        planes.enumerate().try_for_each(|(channel, plane)| {
            blur.write_plane(channel, plane);
            device.context().bind_to_thread()?;
            let to = first + (channel * area * size_of::<f32>()) as u64;
            // SAFETY: the plan owns three planes there, and the staging is written again only
            // after all results of this lane have arrived.
            unsafe { result::memcpy_htod_async(to, plane, device.uploads.cu_stream()) }
        })?;
        staging.blur_sent.record(&device.uploads)
    }

    /// Encodes the image that was sent to a lane.
    pub(super) fn encode_image(&self, device: &Device, lane: usize) -> Result<(), DriverError> {
        device.work.wait(&self.lanes[lane].blur_sent)?;
        self.image[lane].run()
    }

    /// Counts the events that were sent to a lane, for one target, and encodes them.
    pub(super) fn encode_events(
        &mut self,
        device: &Device,
        slot: usize,
        lane: usize,
        header: &EgerHeader,
    ) -> Result<(), DriverError> {
        let packed = self.lanes[lane].packed.device.at;
        let staging = &mut self.slots[slot];
        let at = staging.header.as_mut_slice()?;
        at.copy_from_slice(bytemuck::cast_slice(&[EgerHeader { packed, ..*header }]));
        let to = self.plan.slots[slot].header;
        // SAFETY: the plan owns the memory; the staging is written again only after this slot's
        // result has arrived.
        unsafe { result::memcpy_htod_async(to, at, device.events.cu_stream()) }?;
        device.events.wait(&self.lanes[lane].events_sent)?;
        self.run_events(device, slot)
    }

    /// The same from a map.
    pub(super) fn encode_map(
        &mut self,
        device: &Device,
        slot: usize,
        map: &[f32],
    ) -> Result<(), DriverError> {
        let at = self.slots[slot].voxels.as_mut_slice()?;
        at.copy_from_slice(map);
        let to = self.plan.slots[slot].voxels;
        // SAFETY: the plan owns as much memory as `at` holds; the staging is written again only
        // after this slot's result has arrived.
        unsafe { result::memcpy_htod_async(to, at, device.events.cu_stream()) }?;
        self.run_events(device, slot)
    }

    fn run_events(&mut self, device: &Device, slot: usize) -> Result<(), DriverError> {
        self.events[slot].run()?;
        self.slots[slot].encoded.record(&device.events)
    }

    /// What follows the two encodings.
    pub(super) fn rest(
        &mut self,
        device: &Device,
        slot: usize,
        lane: usize,
        form: OutputFormat,
    ) -> Result<&Work, DriverError> {
        let numbers = match form {
            OutputFormat::F32 => self.numbers(device, slot)?,
            OutputFormat::U8(_) => 0,
        };
        let plan = &self.plan;
        Ok(self.finish.entry((slot, lane, form)).or_insert_with(|| {
            Work::capture(device, &device.work, None, plan.finish(slot, lane, form, numbers))
        }))
    }

    /// Address of the device memory for a slot's results in single precision.
    fn numbers(&mut self, device: &Device, slot: usize) -> Result<Address, DriverError> {
        let slot = &mut self.slots[slot];
        if let Some(numbers) = &slot.numbers {
            return Ok(numbers.device.at);
        }
        let values = 6 * self.plan.shape.image.area();
        let numbers =
            Numbers { staging: device.pinned(values)?, device: device.allocate(4 * values)? };
        Ok(slot.numbers.insert(numbers).device.at)
    }

    /// Computes the rest, and sends the result to the host.
    pub(super) fn finish(
        &mut self,
        device: &Device,
        slot: usize,
        lane: usize,
        form: OutputFormat,
        arrivals: Option<&Arrivals>,
    ) -> Result<(), DriverError> {
        device.work.wait(&self.slots[slot].encoded)?;
        self.rest(device, slot, lane, form)?.run()?;
        let (staging, from) = (&mut self.slots[slot], self.plan.slots[slot]);
        staging.computed.record(&device.work)?;
        device.downloads.wait(&staging.computed)?;
        staging.fetch(device, from, form)?;
        staging.copied.record(&device.downloads)?;
        if let Some(arrivals) = arrivals {
            staging.arrived.record(&device.downloads)?;
            arrivals.expect(&staging.arrived);
        }
        Ok(())
    }

    /// The copies of one exposure to the card: image and events, or one result from it; nothing
    /// may be in flight.
    pub(super) fn copy_only(
        &mut self,
        device: &Device,
        words: usize,
        form: Option<OutputFormat>,
    ) -> Result<(), DriverError> {
        if let Some(form) = form {
            return self.slots[0].fetch(device, self.plan.slots[0], form);
        }
        let (blur, to) = (self.lanes[0].blur.as_slice()?, self.plan.lanes[0].blur);
        // SAFETY: the plan owns as much memory as the staging holds, and nothing is in flight.
        unsafe { result::memcpy_htod_async(to, blur, device.uploads.cu_stream()) }?;
        self.send_events(device, 0, words)
    }

    /// Whether a slot's result has arrived, or never will.
    pub(super) fn is_ready(&self, slot: usize) -> bool {
        self.slots[slot].copied.try_is_complete().unwrap_or(true)
    }

    /// Waits for a slot's result and borrows it from its staging buffer.
    pub(super) fn collect(
        &mut self,
        slot: usize,
        form: OutputFormat,
    ) -> Result<OutputRef<'_>, DriverError> {
        let slot = &mut self.slots[slot];
        slot.copied.synchronize()?;
        Ok(match form {
            OutputFormat::F32 => {
                let all = slot.numbers.as_mut().ok_or(NOT_THERE)?.staging.as_slice()?;
                let (latent, ratio) = all.split_at(all.len() / 2);
                OutputRef::F32 { latent, ratio }
            }
            OutputFormat::U8(_) => OutputRef::U8(slot.pixels.as_slice()?),
        })
    }
}
