//! A plan at work: its graphs, its staging memory, and the exposures in flight.
//!
//! Four streams: uploads, the events' part, everything else, downloads. What has to wait for
//! what, and which memory is free when:
//!
//! * a lane (an exposure's inputs) is written again only after all its results have arrived;
//! * a slot (a target's inputs, event features and results) likewise after that one result;
//! * what lies between is used by the work stream alone, in order.
//!
//! Within a graph, launches that do not read each other's results are branches: the five levels'
//! fusions and deformable convolutions beside each other, of which the decoder needs the large ones
//! last. The small levels have fewer blocks than a large card has multiprocessors.
//!
//! # Why three graphs, and not one
//!
//! Every kernel of a run belongs to one of three captured graphs (launches in half precision, if all
//! five levels contribute):
//!
//! | graph | what | launches | runs | stream |
//! |---|---|---|---|---|
//! | events | counts cleared, EGER, event encoder, its projections | 11, 12 with the event prior | once an instant | events |
//! | image | image encoder, its projections | 10 | once an exposure | work |
//! | rest | fusion, deformable convolutions, decoder, pixels | 19 | once an instant | work |
//!
//! They are launched in that order, the first as soon as the events are complete, while the host
//! still pads and writes the image: a graph starts as a whole, so one that held both encoders
//! would keep the events waiting for the image. (A graph can wait for an event inside, but only
//! for one that was recorded before the graph was launched, which is the same wait.) The image is
//! encoded once for N instants, and N changes while the window is open: one graph would have to
//! be captured for every N, pair of lane and slots, form of the image and of the result. And copies stay
//! outside, since how many bytes of events there are is known only when they are.
//!
//! The price is a launch more: 1 + 2 N graph launches an exposure with N instants, where there
//! were 10 + 30 N launches of kernels (`tests/cuda/steady.rs` counts them). The second and third
//! are put on their streams while the first runs, so the card does not wait for them.

use super::Precision;
use super::arguments::{Address, EgerHeader};
use super::arrivals::Arrivals;
use super::device::{Device, Memory};
use super::layers::Layers;
use super::plan::{Plan, Shape};
use super::staging::{Lane, Slot};
use super::work::{Work, captured};
use crate::engine::queued::DEPTH;
use crate::engine::{Blurry, OutputFormat, OutputRef};
use cudarc::driver::{DriverError, PinnedHostSlice, result};
use std::collections::HashMap;

/// Events that a lane has room for at first; more than any MS-RBD frame has.
const FIRST_EVENTS: usize = 1 << 18;

pub(super) struct Session {
    pub(super) events: [Work; DEPTH],
    /// By lane and whether its image has eight bits; captured when first needed, as below.
    image: HashMap<(usize, bool), Work>,
    /// By slot, lane, whether its image has eight bits, and form.
    finish: HashMap<(usize, usize, bool, OutputFormat), Work>,
    pub(super) lanes: [Lane; DEPTH],
    slots: [Slot; DEPTH],
    /// Staging memory that was too small: freed with the session, because freeing it earlier would
    /// wait for the work in flight. It doubles each time, so there are few.
    retired: Vec<PinnedHostSlice<u32>>,
    pub(super) plan: Plan,
    // Device memory comes last: it is freed in the order of a stream, host memory at once.
    memory: LateMemory,
}

/// Device memory that is not part of the plan.
struct LateMemory {
    /// Packed events by lane.
    events: [Memory; DEPTH],
    /// Latent image and ratio in single precision by slot, made when first needed.
    numbers: [Option<Memory>; DEPTH],
    retired: Vec<Memory>,
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
        let event_values = layers.input.channels() * maps;
        let lane = || Lane::new(device, area, events);
        let slot = || Slot::new(device, area, event_values);
        let (lanes, slots) = ([lane()?, lane()?], [slot()?, slot()?]);
        let memory = LateMemory {
            events: [device.allocate(8 * events)?, device.allocate(8 * events)?],
            numbers: [None, None],
            retired: Vec::new(),
        };
        // Memory was allocated on the work stream; from here on all streams use it.
        device.work.synchronize()?;
        let take = std::mem::take::<Vec<_>>;
        let [first, second] = &mut plan.events;
        let cleared = |i: usize| shape.from_events.then_some(plan.slots[i].counts);
        let events = [
            Work::capture(device, &device.events, cleared(0), take(first))?,
            Work::capture(device, &device.events, cleared(1), take(second))?,
        ];
        let (image, finish, retired) = (HashMap::new(), HashMap::new(), Vec::new());
        Ok(Self { events, image, finish, lanes, slots, retired, plan, memory })
    }

    /// Device memory in bytes, weights not counted.
    pub(super) fn device_bytes(&self) -> usize {
        let events: usize = self.lanes.iter().map(|l| 8 * l.room).sum();
        let numbers = self.memory.numbers.iter().flatten().count();
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
        let (i, lane) = (lane, &mut self.lanes[lane]);
        if lane.room < events {
            let room = events.next_power_of_two();
            let (staging, memory) = (device.pinned(2 * room)?, device.allocate(8 * room)?);
            // It was allocated on the work stream.
            device.uploads.join(&device.work)?;
            self.retired.push(std::mem::replace(&mut lane.packed, staging));
            self.memory.retired.push(std::mem::replace(&mut self.memory.events[i], memory));
            lane.room = room;
        }
        lane.packed.as_mut_slice()
    }

    /// Sends the first `words` of a lane's packed events on their way.
    pub(super) fn send_events(
        &mut self,
        device: &Device,
        lane: usize,
        words: usize,
    ) -> Result<(), DriverError> {
        let to = self.memory.events[lane].at;
        self.lanes[lane].send_events(device, to, words)
    }

    /// Writes an image to a lane and starts its upload.
    pub(super) fn send_image(
        &mut self,
        device: &Device,
        lane: usize,
        blur: &dyn Blurry,
    ) -> Result<(), DriverError> {
        let (to, area) = (self.plan.lanes[lane].blur, self.plan.shape.image.area());
        self.lanes[lane].send_image(device, to, area, blur)
    }

    /// Encodes the image that was sent to a lane.
    pub(super) fn encode_image(&mut self, device: &Device, lane: usize) -> Result<(), DriverError> {
        device.work.wait(&self.lanes[lane].blur_sent)?;
        self.image(device, lane)?.run()
    }

    /// The image encoder on what was sent to a lane.
    pub(super) fn image(&mut self, device: &Device, lane: usize) -> Result<&Work, DriverError> {
        let (plan, eight_bit) = (&self.plan, self.lanes[lane].eight_bit);
        captured(&mut self.image, (lane, eight_bit), device, || plan.image(lane, eight_bit))
    }

    /// Counts the events that were sent to a lane, for one target, and encodes them.
    pub(super) fn encode_events(
        &mut self,
        device: &Device,
        slot: usize,
        lane: usize,
        header: &EgerHeader,
    ) -> Result<(), DriverError> {
        let packed = self.memory.events[lane].at;
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
        let at = self.slots[slot].event_tensor.as_mut_slice()?;
        at.copy_from_slice(map);
        let to = self.plan.slots[slot].event_tensor;
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
        let (plan, eight_bit) = (&self.plan, self.lanes[lane].eight_bit);
        captured(&mut self.finish, (slot, lane, eight_bit, form), device, || {
            plan.finish(slot, (lane, eight_bit), form, numbers)
        })
    }

    /// Address of the device memory for a slot's results in single precision.
    fn numbers(&mut self, device: &Device, slot: usize) -> Result<Address, DriverError> {
        if let Some(memory) = &self.memory.numbers[slot] {
            return Ok(memory.at);
        }
        let values = 6 * self.plan.shape.image.area();
        self.slots[slot].numbers = Some(device.pinned(values)?);
        Ok(self.memory.numbers[slot].insert(device.allocate(4 * values)?).at)
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
        let numbers = self.memory.numbers[slot].as_ref();
        staging.computed.record(&device.work)?;
        device.downloads.wait(&staging.computed)?;
        staging.fetch(device, from, numbers, form)?;
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
            let numbers = self.memory.numbers[0].as_ref();
            return self.slots[0].fetch(device, self.plan.slots[0], numbers, form);
        }
        let (lane, to) = (&self.lanes[0], self.plan.lanes[0].blur);
        let blur = lane.blur.as_slice()?;
        let blur = &blur[..if lane.eight_bit { blur.len() / 4 } else { blur.len() }];
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
        self.slots[slot].collect(form)
    }
}
