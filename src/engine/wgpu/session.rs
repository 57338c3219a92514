//! A plan at work: memory that host and device exchange, for the exposures in flight.
//!
//! What the host writes of an exposure lies in one of two lanes, what it exchanges for a target in
//! one of two slots; everything else is the plan's, since a queue executes in order. Every target
//! is one submission: copies to the device, the image's encoder if the exposure is new, events,
//! fusion, decoder, and the copy of the result.

use super::device::Device;
use super::events::Packed;
use super::mapped::{Arrivals, Mapped};
use super::parameters::Target;
use super::pictures::Ring;
use super::plan::{Plan, Shape, Step};
use super::waiting::poll;
use crate::engine::queued::DEPTH;
use crate::engine::{Blurry, OutputFormat, OutputRef};
use crate::time::TimeRange;
use wgpu::{BufferUsages, MapMode, SubmissionIndex};

const TARGET_BYTES: u64 = size_of::<Target>() as u64;
/// What is copied to the host of a picture that stays on the device: its arrival is the signal that
/// the picture is complete.
const SIGNAL_BYTES: u64 = 16;

pub(super) struct Session {
    pub(super) plan: Plan,
    /// Pictures that stay on the device.
    pub(super) pictures: Ring,
    lanes: [Lane; DEPTH],
    slots: [Slot; DEPTH],
    /// One plane of an image, or all three in eight bits, since mapped memory can only be written.
    plane: Vec<f32>,
    keys: Vec<u32>,
}

/// Memory of one image.
struct Lane {
    /// Three planes of single precision, or at its start of eight bits.
    upload: Mapped,
    eight_bit: bool,
}

/// Memory of one target.
struct Slot {
    /// The target, then places of counts or an event tensor.
    upload: Mapped,
    download: Mapped,
    /// After which `download` holds the result.
    submission: Option<SubmissionIndex>,
    /// The result is copied to the host.
    read_back: bool,
}

/// What a target is restored from.
pub(super) enum Input<'a> {
    Events(&'a [Packed], TimeRange),
    Tensor(&'a [f32]),
}

/// A target to submit.
pub(super) struct Work<'a> {
    pub(super) slot: usize,
    pub(super) lane: usize,
    /// The lane's image has to be encoded first.
    pub(super) encode: bool,
    pub(super) target: Target,
    pub(super) input: Input<'a>,
    pub(super) form: OutputFormat,
    /// Writes a picture that stays on the device.
    pub(super) picture: Option<&'a Step>,
    /// Copies the result to the host.
    pub(super) read_back: bool,
}

fn result_bytes(shape: Shape, form: OutputFormat) -> u64 {
    let area = shape.image.area() as u64;
    match form {
        OutputFormat::F32 => 24 * area,
        OutputFormat::U8(_) => 3 * area,
    }
}

fn arriving_bytes(shape: Shape, form: OutputFormat, read_back: bool) -> u64 {
    if read_back { result_bytes(shape, form) } else { SIGNAL_BYTES }
}

impl Session {
    pub(super) fn new(device: &Device, plan: Plan) -> Self {
        let shape = plan.shape;
        let to = BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC;
        let from = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let image = 12 * shape.image.area() as u64;
        let bytes = TARGET_BYTES + plan.input.size();
        let result = result_bytes(shape, OutputFormat::F32);
        let lane = |_| Lane {
            upload: Mapped::new(device.buffer("image upload", image, to), true),
            eight_bit: false,
        };
        let slot = |_| Slot {
            upload: Mapped::new(device.buffer("event upload", bytes, to), true),
            download: Mapped::new(device.buffer("download", result, from), false),
            submission: None,
            read_back: true,
        };
        let (lanes, slots) = (std::array::from_fn(lane), std::array::from_fn(slot));
        let plane = vec![0.0; shape.image.area()];
        Self { plan, pictures: Ring::default(), lanes, slots, plane, keys: Vec::new() }
    }

    /// Writes an image to a lane: in eight bits, a quarter of the memory, if it has no others. False
    /// if the device failed.
    pub(super) fn write_image(&mut self, device: &Device, lane: usize, blur: &dyn Blurry) -> bool {
        let Lane { upload, eight_bit } = &mut self.lanes[lane];
        if !upload.wait(&device.device, None) {
            return false;
        }
        let write = |from: usize, bytes: &[u8]| {
            let range = from as u64..(from + bytes.len()) as u64;
            let view = upload.buffer.get_mapped_range_mut(range);
            view.map(|mut view| view.copy_from_slice(bytes)).is_ok()
        };
        let area = self.plane.len();
        let bytes = &mut bytemuck::cast_slice_mut::<f32, u8>(&mut self.plane)[..3 * area];
        let mut planes = bytes.chunks_exact_mut(area).enumerate();
        *eight_bit = planes.all(|(channel, plane)| blur.write_bytes(channel, plane));
        let written = if *eight_bit {
            write(0, bytes)
        } else {
            (0..3).all(|channel| {
                blur.write_plane(channel, &mut self.plane);
                write(4 * channel * area, bytemuck::cast_slice(&self.plane))
            })
        };
        if written {
            upload.unmap();
        }
        written
    }

    /// Writes a target to a slot, and returns the bytes of its input.
    fn write_target(&mut self, device: &Device, work: &Work<'_>) -> Option<u64> {
        let slot = &self.slots[work.slot];
        if !slot.upload.wait(&device.device, None) {
            return None;
        }
        let mut target = work.target;
        target.eight_bit = u32::from(self.lanes[work.lane].eight_bit);
        let input: &[u8] = match work.input {
            Input::Events(packed, span) => {
                super::events::keys(packed, span, &mut self.keys);
                target.events = self.keys.len() as u32;
                bytemuck::cast_slice(&self.keys)
            }
            Input::Tensor(data) => bytemuck::cast_slice(data),
        };
        let buffer = &slot.upload.buffer;
        let end = TARGET_BYTES + input.len() as u64;
        buffer
            .get_mapped_range_mut(..TARGET_BYTES)
            .ok()?
            .copy_from_slice(bytemuck::bytes_of(&target));
        if !input.is_empty() {
            buffer.get_mapped_range_mut(TARGET_BYTES..end).ok()?.copy_from_slice(input);
        }
        slot.upload.unmap();
        Some(input.len() as u64)
    }

    /// Submits a target. False if the device failed.
    pub(super) fn submit(&mut self, device: &Device, work: &Work<'_>, arrivals: &Arrivals) -> bool {
        let Some(input) = self.write_target(device, work) else { return false };
        let (plan, slot) = (&self.plan, &self.slots[work.slot]);
        let lane = &self.lanes[work.lane];
        let mut encoder = device
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("target") });
        let upload = &slot.upload.buffer;
        encoder.copy_buffer_to_buffer(upload, 0, &plan.target, 0, TARGET_BYTES);
        if input > 0 {
            encoder.copy_buffer_to_buffer(upload, TARGET_BYTES, &plan.input, 0, input);
        }
        if work.encode {
            let bytes = plan.blurry.size() / if lane.eight_bit { 4 } else { 1 };
            encoder.copy_buffer_to_buffer(&lane.upload.buffer, 0, &plan.blurry, 0, bytes);
        }
        if !plan.count.is_empty() {
            encoder.clear_buffer(&plan.counts, 0, None);
        }
        let (head, result) = match work.form {
            OutputFormat::F32 => &plan.numbers,
            OutputFormat::U8(_) => &plan.pixels,
        };
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        if work.encode {
            plan.image[usize::from(lane.eight_bit)].iter().for_each(|step| step.run(&mut pass));
        }
        let head = work.read_back.then_some(head);
        let steps = plan.count.iter().chain(&plan.events).chain(&plan.body);
        steps.chain(head).chain(work.picture).for_each(|step| step.run(&mut pass));
        drop(pass);
        let bytes = arriving_bytes(plan.shape, work.form, work.read_back);
        encoder.copy_buffer_to_buffer(result, 0, &slot.download.buffer, 0, bytes);
        let submission = device.queue.submit([encoder.finish()]);
        slot.upload.request(MapMode::Write, upload.size(), &device.faults, None);
        if work.encode {
            let lane = &lane.upload;
            lane.request(MapMode::Write, lane.buffer.size(), &device.faults, None);
        }
        slot.download.request(MapMode::Read, bytes, &device.faults, Some(arrivals));
        arrivals.expect(submission.clone());
        let slot = &mut self.slots[work.slot];
        (slot.submission, slot.read_back) = (Some(submission), work.read_back);
        true
    }

    /// Whether a slot's result has arrived.
    pub(super) fn is_ready(&self, device: &Device, slot: usize) -> bool {
        poll(&device.device);
        self.slots[slot].download.is_mapped()
    }

    /// Waits for a slot's result and passes it to `take`, if it was to be copied. False if the
    /// device failed.
    pub(super) fn collect(
        &mut self,
        device: &Device,
        slot: usize,
        form: OutputFormat,
        take: &mut dyn FnMut(OutputRef<'_>),
    ) -> bool {
        let Slot { download, submission, read_back, .. } = &mut self.slots[slot];
        if !download.wait(&device.device, submission.take()) {
            return false;
        }
        if !*read_back {
            download.unmap();
            return true;
        }
        let bytes = result_bytes(self.plan.shape, form);
        let Ok(view) = download.buffer.get_mapped_range(..bytes) else { return false };
        match form {
            OutputFormat::F32 => {
                let all: &[f32] = bytemuck::cast_slice(&view);
                let (latent, ratio) = all.split_at(all.len() / 2);
                take(OutputRef::F32 { latent, ratio });
            }
            OutputFormat::U8(_) => take(OutputRef::U8(&view)),
        }
        drop(view);
        download.unmap();
        true
    }
}
