//! Engines that run SAN on tensors. Independent of cameras.

pub(crate) mod corners;
pub mod cpu;
pub mod cuda;
mod error;
mod graph;
mod graphics;
mod input;
mod mlp;
mod output;
mod published;
mod queued;
mod select;
mod self_check;
mod sparse;
#[cfg(feature = "wgpu")]
pub mod wgpu;

pub use error::EngineError;
pub use graphics::{DevicePicture, SharedDevice};
pub use input::{Blurry, EventMap, EventTensor, Events, Image};
pub use output::{OutputFormat, OutputRef, Restored};
pub use select::{Choice, Failover, Notice, Selected, is_available, select, select_with};
pub use sparse::SparseEngine;

use crate::event::EventInput;
use crate::image::{Rounding, Size};
use crossbeam_channel::Receiver;

/// What happens to a picture that stays on a [`SharedDevice`].
#[derive(Clone, Copy, Debug)]
pub struct DeviceOutput {
    /// Size of the frame, the upper left part of the padded image.
    pub frame: Size,
    /// Every colour is the mean of the three.
    pub gray: bool,
    /// How it is converted to eight bits.
    pub rounding: Rounding,
    /// Copy the result to the host too: in single precision if `gray`, otherwise in eight bits.
    pub read_back: bool,
}

/// The asynchronous interface of an engine with several exposures in flight: upload, computation
/// and download of different exposures overlap.
pub trait AsyncEngine {
    /// Number of exposures that can be submitted before one has to be collected.
    fn free_slots(&mut self) -> usize;

    /// Starts to restore an exposure and returns before it is done. The events are submitted
    /// first, so that an engine can process them while the image is still being written.
    ///
    /// Returns `false` if the exposure cannot be combined with those in flight: collect them first.
    ///
    /// # Errors
    /// Like [`Engine::restore_events`].
    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError>;

    /// Like [`AsyncEngine::submit`], for a single target whose picture stays on the device that the
    /// engine shares with its owner. [`AsyncEngine::collect`] passes it on only if `output` asks
    /// for a copy.
    ///
    /// Returns `false`, too, if no device is shared or all its pictures are in use: then it can be
    /// submitted as others are.
    ///
    /// # Errors
    /// Like [`AsyncEngine::submit`].
    fn submit_to_device(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        output: DeviceOutput,
    ) -> Result<bool, EngineError> {
        let _ = (blur, events, output);
        Ok(false)
    }

    /// The picture of the exposure that was collected last, if it stayed on the device.
    fn take_device_picture(&mut self) -> Option<DevicePicture> {
        None
    }

    /// Waits for the exposure that was submitted first and calls `take` with the result for each
    /// target, in order.
    ///
    /// # Errors
    /// Fails if nothing was submitted or the device failed. After a device failure nothing is in
    /// flight, and the results passed to `take` are incomplete.
    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError>;

    /// Whether the result for the first target of the oldest exposure has arrived, so that
    /// [`AsyncEngine::collect`] need not wait. True after a failure.
    fn can_collect(&mut self) -> bool;

    /// Receives a message whenever [`AsyncEngine::can_collect`] may have become true.
    fn ready_channel(&mut self) -> Receiver<()>;
}

/// An implementation of SAN.
pub trait Engine: Send {
    /// The event input of the engine's weights.
    fn event_input(&self) -> EventInput;

    /// Restores one exposure at every target; the image is encoded only once.
    ///
    /// # Errors
    /// Fails if a tensor has the wrong shape, or the device fails.
    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError>;

    /// Like [`Engine::restore`], from events. An engine overrides this if it bins events faster
    /// than the tensors can be transferred.
    ///
    /// # Errors
    /// Like [`Engine::restore`], and if the events do not match the exposure or the sensor.
    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        let Size { width, height } = events.padded;
        let maps: Vec<Vec<f32>> = events
            .targets
            .iter()
            .map(|t| events.tensor(*t, self.event_input()))
            .collect::<Result<_, _>>()?;
        let event_tensors: Vec<EventTensor<'_>> =
            maps.iter().map(|data| EventTensor { data, height, width }).collect();
        self.restore(blur, &event_tensors)
    }

    /// Like [`Engine::restore_events`], but calls `take` with the index and the borrowed result of
    /// each target, in order. An engine overrides this if the result is in its own memory. An
    /// engine that is replaced starts again with the first target.
    ///
    /// # Errors
    /// Like [`Engine::restore_events`].
    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        let restored = self.restore_events(blur, events)?;
        for (i, one) in restored.iter().enumerate() {
            let Restored { latent, ratio } = one;
            match form {
                OutputFormat::F32 => take(i, OutputRef::F32 { latent, ratio }),
                OutputFormat::U8(rounding) => take(i, OutputRef::U8(&one.pixels(rounding))),
            }
        }
        Ok(())
    }

    /// The share of the last exposure's image that was computed; less than 1 only if the rest was
    /// copied.
    fn computed_share(&self) -> f64 {
        1.0
    }

    /// Whether another size of image or events takes the engine time to prepare memory and work.
    fn prepares_sizes(&self) -> bool {
        false
    }

    /// The asynchronous interface, if the engine supports several exposures in flight. While
    /// exposures are in flight, the other methods fail.
    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        None
    }
}
