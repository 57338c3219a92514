//! Page-locked memory of one exposure and of one target, and the copies from it and to it.

use super::arguments::{Address, EgerHeader};
use super::device::{Device, Memory};
use super::plan::SlotMemory;
use crate::engine::{Blurry, OutputFormat, OutputRef};
use cudarc::driver::{CudaEvent, DriverError, PinnedHostSlice, result, sys};
use rayon::prelude::*;
use std::sync::Arc;

/// Staging memory of one exposure.
pub(super) struct Lane {
    /// Three planes of single precision, or at its start of eight bits.
    pub(super) blur: PinnedHostSlice<f32>,
    pub(super) eight_bit: bool,
    pub(super) packed: PinnedHostSlice<u32>,
    /// Number of events that there is room for.
    pub(super) room: usize,
    pub(super) events_sent: CudaEvent,
    pub(super) blur_sent: CudaEvent,
}

impl Lane {
    /// For images of `area` pixels, with room for `events`.
    pub(super) fn new(device: &Device, area: usize, events: usize) -> Result<Self, DriverError> {
        let event = || device.context().new_event(None);
        Ok(Self {
            blur: device.pinned(3 * area)?,
            eight_bit: false,
            packed: device.pinned(2 * events)?,
            room: events,
            events_sent: event()?,
            blur_sent: event()?,
        })
    }

    /// Sends the first `words` of the packed events to the session's memory for this lane.
    pub(super) fn send_events(
        &mut self,
        device: &Device,
        to: Address,
        words: usize,
    ) -> Result<(), DriverError> {
        let stream = &device.uploads;
        if words > 0 {
            let from = &self.packed.as_slice()?[..words];
            // SAFETY: the device memory has room for as many events as the staging, which is
            // written again only after all results of this lane have arrived.
            unsafe { result::memcpy_htod_async(to, from, stream.cu_stream()) }?;
        }
        self.events_sent.record(stream)
    }

    /// Writes an image of `area` pixels and sends it to the plan's memory for this lane, the planes
    /// in parallel: in eight bits, a quarter of the memory, if it has no others, and otherwise in
    /// single precision, each plane on its way as soon as it is written.
    pub(super) fn send_image(
        &mut self,
        device: &Device,
        to: Address,
        area: usize,
        blur: &dyn Blurry,
    ) -> Result<(), DriverError> {
        let memory = self.blur.as_mut_slice()?;
        let bytes = &mut bytemuck::cast_slice_mut::<f32, u8>(memory)[..3 * area];
        let planes = bytes.par_chunks_exact_mut(area).enumerate();
        self.eight_bit =
            planes.map(|(channel, plane)| blur.write_bytes(channel, plane)).all(|done| done);
        if self.eight_bit {
            device.context().bind_to_thread()?;
            // SAFETY: the plan owns more memory there, and the staging is written again only after
            // all results of this lane have arrived.
            unsafe { result::memcpy_htod_async(to, bytes, device.uploads.cu_stream()) }?;
            return self.blur_sent.record(&device.uploads);
        }
        let planes = memory.par_chunks_exact_mut(area);
        planes.enumerate().try_for_each(|(channel, plane)| {
            blur.write_plane(channel, plane);
            device.context().bind_to_thread()?;
            let to = to + (channel * area * size_of::<f32>()) as u64;
            // SAFETY: the plan owns three planes there, and the staging is written again only
            // after all results of this lane have arrived.
            unsafe { result::memcpy_htod_async(to, plane, device.uploads.cu_stream()) }
        })?;
        self.blur_sent.record(&device.uploads)
    }
}

/// Staging memory of one target.
pub(super) struct Slot {
    pub(super) header: PinnedHostSlice<u64>,
    pub(super) event_tensor: PinnedHostSlice<f32>,
    /// Made when first needed: the window needs pixels alone.
    pub(super) numbers: Option<PinnedHostSlice<f32>>,
    pub(super) pixels: PinnedHostSlice<u8>,
    /// Its event features are there.
    pub(super) encoded: CudaEvent,
    pub(super) computed: CudaEvent,
    pub(super) copied: CudaEvent,
    /// The same, for a thread that sleeps until then.
    pub(super) arrived: Arc<CudaEvent>,
}

/// A result was asked for that was never computed.
const NOT_THERE: DriverError = DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND);

impl Slot {
    /// For images of `area` pixels, and event tensors of `event_values` numbers.
    pub(super) fn new(
        device: &Device,
        area: usize,
        event_values: usize,
    ) -> Result<Self, DriverError> {
        let event = || device.context().new_event(None);
        Ok(Self {
            header: device.pinned(size_of::<EgerHeader>() / 8)?,
            event_tensor: device.pinned(event_values)?,
            numbers: None,
            pixels: device.pinned(3 * area)?,
            encoded: event()?,
            computed: event()?,
            copied: event()?,
            arrived: Arc::new(device.sleeper()?),
        })
    }

    /// Sends a result to the host.
    pub(super) fn fetch(
        &mut self,
        device: &Device,
        from: SlotMemory,
        numbers: Option<&Memory>,
        form: OutputFormat,
    ) -> Result<(), DriverError> {
        let stream = device.downloads.cu_stream();
        // SAFETY: there is as much device memory as each staging holds, which is not read before
        // the copy has ended.
        unsafe {
            match (form, &mut self.numbers, numbers) {
                (OutputFormat::F32, Some(staging), Some(numbers)) => {
                    result::memcpy_dtoh_async(staging.as_mut_slice()?, numbers.at, stream)
                }
                (OutputFormat::F32, ..) => Err(NOT_THERE),
                (OutputFormat::U8(_), ..) => {
                    result::memcpy_dtoh_async(self.pixels.as_mut_slice()?, from.pixels, stream)
                }
            }
        }
    }

    /// Waits for the result and borrows it.
    pub(super) fn collect(&mut self, form: OutputFormat) -> Result<OutputRef<'_>, DriverError> {
        self.copied.synchronize()?;
        Ok(match form {
            OutputFormat::F32 => {
                let all = self.numbers.as_ref().ok_or(NOT_THERE)?.as_slice()?;
                let (latent, ratio) = all.split_at(all.len() / 2);
                OutputRef::F32 { latent, ratio }
            }
            OutputFormat::U8(_) => OutputRef::U8(self.pixels.as_slice()?),
        })
    }
}
